import { describe, expect, it } from 'vitest';
import { isMeaError } from '../errors.js';
import { assertMayListen, formatLinkAddress, parseLinkAddress, type LinkAddress } from './link-address.js';

describe('the address of a device', () => {
  const forms: readonly (readonly [string, LinkAddress])[] = [
    ['tcp://127.0.0.1:9100', { type: 'tcp', host: '127.0.0.1', port: 9100 }],
    ['tcp://[::1]:9100', { type: 'tcp', host: '::1', port: 9100 }],
    ['zmq+tcp://rig-2.lab.example:65534', { type: 'zmq', host: 'rig-2.lab.example', port: 65_534 }],
    ['serial:/dev/ttyACM0?baud=921600', { type: 'serial', path: '/dev/ttyACM0', baud: 921_600 }],
    ['memory:', { type: 'memory' }],
  ];
  it.each(forms)('%s is read and written', (text, address) => {
    expect(parseLinkAddress(text)).toEqual(address);
    expect(formatLinkAddress(address)).toBe(text);
  });

  it('of a serial line has 115,200 baud where it names no speed', () => {
    expect(parseLinkAddress('serial:COM3')).toEqual({ type: 'serial', path: 'COM3', baud: 115_200 });
  });

  it.each([
    ['', /got "", expected tcp:\/\/host:port/u],
    ['127.0.0.1:9100', /zmq\+tcp:\/\/host:port/u],
    ['http://127.0.0.1:9100', /Not the address/u],
    ['tcp://127.0.0.1', /Not the address/u],
    ['tcp://::1:9100', /Not the address/u],
    ['tcp://host:9100/path', /Not the address/u],
    ['tcp://host:65536', /at most 65535/u],
    ['zmq+tcp://host:65535', /at most 65534/u],
    ['serial:', /Not the address/u],
    ['serial:/dev/ttyS0?speed=9600', /Not the address/u],
    ['serial:/dev/ttyS0?baud=0', /at least 1/u],
    ['memory:device', /Not the address/u],
  ])('%j is refused with the forms that are right', (text, message) => {
    expect(() => parseLinkAddress(text)).toThrow(message);
  });
});

describe('listening', () => {
  it.each(['localhost', '127.0.0.1', '127.3.2.1', '::1'])('at %s is for this computer alone', (host) => {
    expect(() => {
      assertMayListen(host, false);
    }).not.toThrow();
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'localhost.example', '127.example', '::ffff:127.0.0.1'])(
    'at %s is refused unless it is allowed',
    (host) => {
      let error: unknown = null;
      try {
        assertMayListen(host, false);
      } catch (reason) {
        error = reason;
      }
      expect(isMeaError(error, 'refused') ? error.message : error).toMatch(/unasked.*--allow-remote/u);
      expect(() => {
        assertMayListen(host, true);
      }).not.toThrow();
    },
  );
});
