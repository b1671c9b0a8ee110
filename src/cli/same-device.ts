import { MeaError } from '../../protocols/errors.js';
import type { SessionFile } from '../recording/session-file.js';
import type { RecordedDevice } from './open-recorder.js';

/**
 * Looks whether a recording can go on with a device: its samples are told with one gain, one rate and one number of channels.
 *
 * @param session undefined where the recording has lost it
 * @throws MeaError `bad-input` with all that differs
 */
export function assertSameDevice(
  session: Pick<SessionFile, 'gainUvPerBit' | 'channels' | 'sampleRateHz'> | undefined,
  device: RecordedDevice,
  where: string,
): void {
  if (session === undefined) return;
  const pairs = [
    { word: 'uV a bit', was: session.gainUvPerBit, is: device.gainUvPerBit },
    { word: 'channels', was: session.channels, is: device.channels },
    { word: 'Hz', was: session.sampleRateHz, is: device.sampleRateHz },
  ];
  // What saw no voltages holds no gain.
  const other = pairs.filter(({ was, is }) => was !== undefined && is !== undefined && was !== is);
  if (other.length === 0) return;
  throw new MeaError('bad-input', {
    what: 'The device is not set as it was when the recording was begun',
    got: other.map(({ word, is }) => `${is} ${word}`).join(', '),
    wanted: other.map(({ word, was }) => `${was} ${word}`).join(', '),
    where,
    remedy: 'set the device as it was, or begin a new run',
  });
}
