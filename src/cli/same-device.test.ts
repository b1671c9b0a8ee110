import { expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { testSession } from '../../tests/helpers/recorded-journal.js';
import { assertSameDevice } from './same-device.js';

const session = testSession({ gainUvPerBit: 0.195 });
const device = { provenance: 'real', name: 'MEA', channels: 64, sampleRateHz: 20_000, gainUvPerBit: 0.195 } as const;

function refusalOf(changes: Partial<Record<'channels' | 'sampleRateHz' | 'gainUvPerBit', number>>): unknown {
  try {
    assertSameDevice(session, { ...device, ...changes }, '/run');
    return undefined;
  } catch (error) {
    return error;
  }
}

it('goes on with a device that is set as it was', () => {
  expect(refusalOf({})).toBeUndefined();
});

it.each([
  [{ gainUvPerBit: 0.39 }, 'got 0.39 uV a bit', 'expected 0.195 uV a bit'],
  [{ channels: 60 }, 'got 60 channels', 'expected 64 channels'],
  [{ sampleRateHz: 25_000 }, 'got 25000 Hz', 'expected 20000 Hz'],
  [{ gainUvPerBit: 1, channels: 4 }, 'got 1 uV a bit, 4 channels', 'expected 0.195 uV a bit, 64 channels'],
])('refuses one with %o, and says what is other', (changes, got, wanted) => {
  const error = refusalOf(changes);
  expect(isMeaError(error, 'bad-input')).toBe(true);
  expect(String(error)).toContain(got);
  expect(String(error)).toContain(wanted);
});

it('asks for no gain where no voltages were seen, and for nothing where the session is lost', () => {
  expect(() => {
    assertSameDevice(testSession(), { ...device, gainUvPerBit: 7 }, '/run');
    assertSameDevice(undefined, { ...device, channels: 7 }, '/run');
  }).not.toThrow();
});
