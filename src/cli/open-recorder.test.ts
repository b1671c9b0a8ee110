import { expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import { assertRoom } from './open-recorder.js';

const MIB = 2 ** 20;
const device = { provenance: 'real', name: 'MEA', channels: 64, sampleRateHz: 20_000, gainUvPerBit: 0.195 } as const;
/** 10 s of 64 channels at 20 kHz, and the 64 MiB that are kept free for the end of the journal. */
const WANTED = 10 * 64 * 20_000 * 2 + 64 * MIB;

function refusalOf(
  free: number,
  extent: { readonly seconds?: number; readonly stimuli?: number },
  raw = 'all',
): unknown {
  try {
    assertRoom('/out', { plan: { device, raw: raw === 'all' ? 'all' : 'stimuli' }, ...extent }, free);
    return undefined;
  } catch (error) {
    return error;
  }
}

it('counts what is kept free for the end among what must have room', () => {
  expect(refusalOf(WANTED, { seconds: 10 })).toBeUndefined();
  const error = refusalOf(WANTED - 1, { seconds: 10 });
  expect(isMeaError(error, 'storage')).toBe(true);
  expect(String(error)).toContain('with 0.1 GiB for the end of the journal');
});

it('counts it beside windows around stimuli too', () => {
  // Each is half a second long.
  expect(refusalOf(WANTED, { stimuli: 20 }, 'stimuli')).toBeUndefined();
  expect(isMeaError(refusalOf(WANTED - 1, { stimuli: 20 }, 'stimuli'), 'storage')).toBe(true);
});

it('asks for nothing where nobody knows how long it will be', () => {
  expect(refusalOf(0, {})).toBeUndefined();
});
