import type { RecordedMark } from '../../../../protocols/recording/recorded-file.js';

/** Words of one line or channel, as they come; marks are made of stretches in which something was on. */
export interface WordMarks {
  /** One word of the frame with that counter. */
  add(word: number, counter: number): void;
  /** After the last word, whose counter was one less. */
  end(counter: number): void;
}

export type MarkSink = (mark: RecordedMark) => void;

const MAGNITUDE = 0xff;
const NEGATIVE = 0x100;

/** Stimuli of one channel: each run of frames with a current is a mark, labelled with the current it began with. */
export function createStimMarks(
  { name, stepUa, rateHz }: { name: string; stepUa: number; rateHz: number },
  sink: MarkSink,
): WordMarks {
  return createRuns(rateHz, sink, {
    isOn: (word) => (word & MAGNITUDE) !== 0,
    labelOf: (word) => {
      const ua = (word & MAGNITUDE) * stepUa * ((word & NEGATIVE) === 0 ? 1 : -1);
      return `stim ${name} ${Number(ua.toPrecision(6))} uA`;
    },
  });
}

/** A digital line: each run of frames in which it is high is a mark. */
export function createLineMarks(
  { name, bit, rateHz }: { name: string; bit: number; rateHz: number },
  sink: MarkSink,
): WordMarks {
  return createRuns(rateHz, sink, { isOn: (word) => ((word >> bit) & 1) === 1, labelOf: () => name });
}

function createRuns(
  rateHz: number,
  sink: MarkSink,
  { isOn, labelOf }: { isOn: (word: number) => boolean; labelOf: (word: number) => string },
): WordMarks {
  let began: { counter: number; label: string } | undefined;
  const end = (counter: number): void => {
    if (began !== undefined)
      sink({ timeS: began.counter / rateHz, durationS: (counter - began.counter) / rateHz, label: began.label });
    began = undefined;
  };
  return {
    add: (word, counter) => {
      if (!isOn(word)) end(counter);
      else began ??= { counter, label: labelOf(word) };
    },
    end,
  };
}
