import { describe, expect, it } from 'vitest';
import { openRandomStream } from '../../../protocols/random.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import { hertz, sampleIndex } from '../../../protocols/units.js';
import { DeliveryJudge, type DeliveryDoubt, type DeliveryJudgeOptions } from './delivery-judge.js';

const CHANNELS = 9;
const FRAMES = 4000;
const FIRST = 7_000_000_003;
/** Three by three, a pitch of 100 um. */
const POSITIONS = Array.from({ length: CHANNELS }, (_, e) => ({ xUm: 100 * (e % 3), yUm: 100 * Math.floor(e / 3) }));
const OPTIONS: DeliveryJudgeOptions = {
  sampleRateHz: hertz(20_000),
  gainUvPerBit: 0.2,
  positions: POSITIONS,
  aboveUv: 1000,
  reachUm: 100,
};

interface Stimulus {
  readonly stimulusId: number;
  readonly sample: number;
  readonly electrodes: readonly number[];
}

/** Noise, and an excursion of 8000 bits (1600 uV) on electrodes where something really left. */
function record(pulses: readonly (readonly [sample: number, electrode: number])[]): Int16Array {
  const random = openRandomStream(4, 'delivery-judge-test');
  const samples = Int16Array.from({ length: CHANNELS * FRAMES }, () => Math.round(200 * random.normal()));
  for (const [sample, electrode] of pulses) {
    for (let t = 0; t < 12; t++) samples[(sample - FIRST + t) * CHANNELS + electrode]! += t < 6 ? -4000 : 4000;
  }
  return samples;
}

function judge(
  samples: Int16Array,
  told: readonly Stimulus[],
  {
    block = 200,
    options = OPTIONS,
    gap = [0, 0],
  }: {
    readonly block?: number;
    readonly options?: DeliveryJudgeOptions;
    readonly gap?: readonly [number, number];
  } = {},
): { readonly doubts: readonly DeliveryDoubt[]; readonly unjudged: number } {
  const deliveries = new DeliveryJudge(options);
  const doubts: DeliveryDoubt[] = [];
  for (let from = 0; from < FRAMES; from += block) {
    const to = Math.min(FRAMES, from + block);
    for (const { sample, ...stimulus } of told) {
      if (sample < FIRST + from || sample >= FIRST + to) continue;
      deliveries.deliver({ ...stimulus, sample: sampleIndex(sample), durationSamples: 12 });
    }
    if (from >= gap[0] && from < gap[1]) continue;
    const part: SampleBlock = {
      firstSample: sampleIndex(FIRST + from),
      frames: to - from,
      channels: CHANNELS,
      samples: samples.subarray(from * CHANNELS, to * CHANNELS),
    };
    doubts.push(...deliveries.push(part));
  }
  return { doubts, unjudged: deliveries.unjudged };
}

const AT = FIRST + 1000;

describe('the judge of deliveries', () => {
  it('has no doubt where pulsed electrodes show it, and those near them may', () => {
    const samples = record([
      [AT, 0],
      [AT, 1],
      [AT + 1000, 4],
    ]);
    const told = [
      { stimulusId: 1, sample: AT, electrodes: [0] },
      { stimulusId: 2, sample: AT + 1000, electrodes: [4] },
      { stimulusId: 3, sample: AT + 2000, electrodes: [] },
    ];
    expect(judge(samples, told)).toEqual({ doubts: [], unjudged: 0 });
  });

  it('names pulsed electrodes without an artefact, and artefacts far from any', () => {
    const samples = record([
      [AT, 0],
      [AT, 8],
      [AT + 1000, 5],
    ]);
    const told = [
      { stimulusId: 1, sample: AT, electrodes: [0, 1, 3] },
      { stimulusId: 2, sample: AT + 1000, electrodes: [] },
    ];
    const wanted = [
      { type: 'delivery-doubted', stimulusId: 1, sample: AT, missing: [1, 3], unexpected: [8] },
      { type: 'delivery-doubted', stimulusId: 2, sample: AT + 1000, missing: [], unexpected: [5] },
    ];
    for (const block of [1, 7, 20, 200, FRAMES]) {
      // In one block the stimulus comes before the first sample: nobody saw what was before the pulses.
      if (block === FRAMES) expect(judge(samples, told, { block })).toEqual({ doubts: [], unjudged: 2 });
      else expect(judge(samples, told, { block })).toEqual({ doubts: wanted, unjudged: 0 });
    }
    const excluded = { ...OPTIONS, excluded: [1, 3, 8, 5] };
    expect(judge(samples, told, { options: excluded }).doubts).toEqual([]);
  });

  it('sees what leaves up to a millisecond too early or too late, and nothing beyond', () => {
    for (const [late, isSeen] of [
      [-33, false],
      [-25, true],
      [-10, true],
      [25, true],
      [33, false],
    ] as const) {
      const { doubts } = judge(record([[AT + late, 2]]), [{ stimulusId: 1, sample: AT, electrodes: [] }]);
      expect(doubts.length, `${late} samples late`).toBe(isSeen ? 1 : 0);
    }
  });

  it('does not judge what samples are missing of, nor spikes', () => {
    const told = [{ stimulusId: 1, sample: AT, electrodes: [0] }];
    expect(judge(record([]), told, { gap: [1000, 1200] })).toEqual({ doubts: [], unjudged: 1 });
    // 4000 bits are 800 uV.
    const spiky = record([]);
    spiky[1005 * CHANNELS + 7]! -= 4000;
    expect(judge(spiky, [{ stimulusId: 1, sample: AT, electrodes: [] }]).doubts).toEqual([]);
  });

  it.each([{ aboveUv: 0 }, { aboveUv: Number.NaN }, { reachUm: -1 }, { reachUm: Infinity }])(
    'refuses what cannot be: %o',
    (bad) => {
      expect(() => new DeliveryJudge({ ...OPTIONS, ...bad })).toThrow('of the judge of deliveries');
    },
  );
});
