import type { Clock } from '../../protocols/clock.js';
import { MeaError } from '../../protocols/errors.js';

/** How fast samples are played: as fast as possible, or by so many times real time. */
export type ReplaySpeed = 'max' | number;

/** @throws MeaError `usage` */
export function parseSpeed(text: string): ReplaySpeed {
  if (text === 'max') return 'max';
  const speed = Number(text);
  if (text.trim() !== '' && speed > 0 && Number.isFinite(speed)) return speed;
  throw new MeaError('usage', { what: 'Bad --speed', got: text, wanted: 'max, or how many times real time' });
}

/** Waits until so many frames would have come, counted from now. */
export function createPace(
  speed: ReplaySpeed,
  sampleRateHz: number,
  clock: Pick<Clock, 'monotonicMs' | 'sleep'>,
): (frames: number, signal: AbortSignal) => Promise<void> {
  if (speed === 'max') return () => Promise.resolve();
  const begunMs = clock.monotonicMs();
  return async (frames, signal) => {
    const dueMs = begunMs + (1000 * frames) / (sampleRateHz * speed);
    const leftMs = dueMs - clock.monotonicMs();
    if (leftMs > 1) await clock.sleep(leftMs, signal);
  };
}
