import { MeaError } from '../errors.js';

const HELLO = 0x4b;
const CONFIRMED = 1;
/** Firmware below it is that of the first model: eight-bit voltages, other messages. */
const FIRST_OF_MODEL_2 = 20;
/** The newest whose messages are known to be these. */
const NEWEST_KNOWN = 21;

/**
 * Reads the answer to the handshake: `K`, then the version of the firmware.
 *
 * @param bytes (5)
 * @throws MeaError `link` when it is not a Pulse Pal that answers, `refused` for a model 1 and for firmware that is not known
 */
export function readHandshake(bytes: Uint8Array, where: string): number {
  if (bytes[0] !== HELLO || bytes.length !== 5) {
    throw new MeaError('link', {
      what: 'This is no Pulse Pal',
      got: Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
      wanted: '4b and four bytes',
      where,
      remedy: 'another device has the same USB id or this name: see `meactl devices`, and name the right port',
    });
  }
  const firmware = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1, true);
  if (firmware < FIRST_OF_MODEL_2) {
    throw new MeaError('refused', {
      what: 'The first model of the Pulse Pal has other messages',
      got: `firmware ${firmware}`,
      wanted: `${FIRST_OF_MODEL_2} to ${NEWEST_KNOWN}`,
      where,
      remedy: 'use a Pulse Pal 2',
    });
  }
  if (firmware > NEWEST_KNOWN) {
    throw new MeaError('refused', {
      what: 'Nobody has held this driver against such a firmware',
      got: `firmware ${firmware}`,
      wanted: `${FIRST_OF_MODEL_2} to ${NEWEST_KNOWN}`,
      where,
      remedy: 'load firmware 21, or have the driver checked against the new one',
    });
  }
  return firmware;
}

/**
 * Reads the one byte that confirms a command.
 *
 * @throws MeaError `refused` for any other
 */
export function assertConfirmed(bytes: Uint8Array, what: string, where: string): void {
  if (bytes.length === 1 && bytes[0] === CONFIRMED) return;
  throw new MeaError('refused', {
    what: `The Pulse Pal did not confirm: ${what}`,
    got: Array.from(bytes).join(' '),
    wanted: '1',
    where,
    remedy: 'see its display; switch it off and on, then connect again',
  });
}
