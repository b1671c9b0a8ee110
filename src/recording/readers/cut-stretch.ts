import { MeaError } from '../../../protocols/errors.js';
import type { RecordedSignal } from '../../../protocols/recording/block-reader.js';

/**
 * Frames of the stretch that starts at `first` and is cut off at the end of the signal.
 *
 * @throws MeaError `bad-input` when it begins outside the signal, or is no stretch
 */
export function cutStretch({ name, frames: total }: RecordedSignal, first: number, frames: number): number {
  if (!Number.isSafeInteger(first) || first < 0 || first >= total)
    throw new MeaError('bad-input', {
      what: 'The stretch begins outside the signal',
      got: `frame ${first}`,
      wanted: total === 0 ? 'nothing: it is empty' : `0 to ${total - 1}`,
      where: name,
    });
  if (!Number.isSafeInteger(frames) || frames < 0)
    throw new MeaError('bad-input', { what: 'Bad number of frames', got: String(frames), wanted: '0 or more' });
  return Math.min(frames, total - first);
}
