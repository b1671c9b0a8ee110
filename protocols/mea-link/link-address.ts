import { MeaError } from '../errors.js';

/** Where a device listens, as `parseLinkAddress` reads it. */
export type LinkAddress =
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  /** Commands on `port`, data on `port + 1`. */
  | { readonly type: 'zmq'; readonly host: string; readonly port: number }
  | { readonly type: 'serial'; readonly path: string; readonly baud: number }
  | { readonly type: 'memory' };

/** Speed of a serial line when the address names none. */
const DEFAULT_BAUD = 115_200;

const FORMS = 'tcp://host:port, zmq+tcp://host:port, serial:/dev/path?baud=115200 or memory:';
const NETWORK = /^(tcp|zmq\+tcp):\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})$/iu;
const SERIAL = /^serial:([^?]+)(?:\?baud=(\d{1,8}))?$/u;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/iu;

/**
 * Reads the address of a device. Port 0 is let through: a mount may ask for any.
 *
 * @throws MeaError `usage` when it has none of the four forms
 */
export function parseLinkAddress(text: string): LinkAddress {
  if (text === 'memory:') return { type: 'memory' };
  const serial = SERIAL.exec(text);
  if (serial !== null) return toSerial(text, serial[1] ?? '', serial[2]);
  const network = NETWORK.exec(text);
  if (network === null) throw badAddress(text, FORMS);
  const [, scheme, v6, name, digits] = network;
  const type = scheme?.toLowerCase() === 'tcp' ? 'tcp' : 'zmq';
  const port = Number(digits);
  if (port > 65_535) throw badAddress(text, 'a port of at most 65535');
  if (type === 'zmq' && port === 65_535) throw badAddress(text, 'a port of at most 65534: data go over the next one');
  return { type, host: v6 ?? name ?? '', port };
}

/** The text of an address, for people and for `parseLinkAddress`. */
export function formatLinkAddress(address: LinkAddress): string {
  switch (address.type) {
    case 'tcp':
      return `tcp://${bracketHost(address.host)}:${address.port}`;
    case 'zmq':
      return `zmq+tcp://${bracketHost(address.host)}:${address.port}`;
    case 'serial':
      return `serial:${address.path}?baud=${address.baud}`;
    case 'memory':
      return 'memory:';
  }
}

/** A host as it stands before a port: IPv6 in brackets. */
export function bracketHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/**
 * Refuses to listen where other computers could reach the device.
 *
 * @throws MeaError `refused` for a host that is not loopback, unless `allowRemote`
 */
export function assertMayListen(host: string, allowRemote: boolean): void {
  if (allowRemote || LOOPBACK.test(host)) return;
  throw new MeaError('refused', {
    what: 'The device does not listen for other computers: who reaches its command socket may stimulate, unasked',
    got: host,
    wanted: 'localhost, 127.0.0.1 or ::1',
    remedy: 'tunnel with ssh -L, or allow remote links explicitly (--allow-remote) on a network of its own',
  });
}

function toSerial(text: string, path: string, digits: string | undefined): LinkAddress {
  const baud = digits === undefined ? DEFAULT_BAUD : Number(digits);
  if (baud === 0) throw badAddress(text, 'a baud rate of at least 1');
  return { type: 'serial', path, baud };
}

function badAddress(text: string, wanted: string): MeaError {
  return new MeaError('usage', {
    what: 'Not the address of a device',
    got: JSON.stringify(text),
    wanted,
    remedy: 'e.g. tcp://127.0.0.1:9100',
  });
}
