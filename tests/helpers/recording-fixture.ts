import type { LedgerRecord, ModelSnapshot, TrialRecord } from '../../protocols/ledger.js';
import { openRandomStream } from '../../protocols/random.js';
import type { BlockReader, RecordedChannel, SampleSpan } from '../../protocols/recording/block-reader.js';
import { hertz, milliseconds, sampleIndex } from '../../protocols/units.js';
import type { RecordedSpikes, RecordedStimulus, RecordingContents } from '../../src/recording/recording-contents.js';

/** What a made-up recording has. */
export interface FixtureOptions {
  readonly seed?: number;
  readonly sources?: number;
  readonly rows?: number;
  readonly columns?: number;
  readonly trials?: number;
  /** Whole sessions; an unfinished one follows. */
  readonly sessions?: number;
  readonly largestCount?: number;
  /** Frames of each stretch; none for a recording without raw samples. */
  readonly stretches?: readonly number[];
  readonly spikes?: number;
  readonly isBlind?: boolean;
}

/** A recording in memory, with everything that is in it. */
export interface RecordingFixture {
  readonly contents: RecordingContents;
  /** (frames, channels) of each stretch. */
  readonly samples: readonly Int16Array[];
  readonly records: readonly LedgerRecord[];
  /** Trials of whole sessions that count, in order. */
  readonly counted: readonly TrialRecord[];
  readonly spikes: readonly { readonly sample: number; readonly electrode: number; readonly amplitudeUv: number }[];
  readonly stimuli: readonly RecordedStimulus[];
  readonly models: readonly ModelSnapshot[];
  /** How often the recording was closed. */
  readonly closed: () => number;
}

const RATE = 20_000;
const GAIN_UV = 0.195;
const FIRST_SAMPLE = 1000;
/** Samples between two stretches. */
const GAP = 4000;
const SPIKES_PER_BATCH = 50;

/** Makes up a recording: two stretches with a gap, trials that count and some that do not, a session that began anew. */
export function makeRecording(options: FixtureOptions = {}): RecordingFixture {
  const all = {
    seed: 1,
    sources: 2,
    rows: 2,
    columns: 4,
    trials: 8,
    sessions: 2,
    largestCount: 30,
    stretches: [5000, 3000],
    spikes: 400,
    isBlind: false,
    ...options,
  };
  const signals = makeSignals(all);
  const { records, counted } = makeLedger(all);
  const spikes = makeSpikes(all, signals.readers);
  const stimuli = makeStimuli(all, signals.readers);
  const models = makeModels(all);
  let closed = 0;
  const contents: RecordingContents = {
    path: 'recording-in-memory',
    session: {
      version: 1,
      id: 'fixture-0001',
      kind: 'run',
      startedAt: '2026-03-04T05:06:07.000Z',
      program: { meactl: '0.1.0', node: 'v20.0.0' },
      provenance: 'emulated',
      device: { name: 'MEA/64 emulator', serialNumber: 'sim-0' },
      sampleRateHz: hertz(RATE),
      channels: all.rows * all.columns,
      gainUvPerBit: GAIN_UV,
      array: { rows: all.rows, columns: all.columns, pitchUm: 200 },
      raw: all.stretches.length > 0 ? 'all' : 'none',
      seed: all.seed,
      configuration: { experiment: { trials: all.trials, name: 'made up' }, rig: { name: 'none' } },
    },
    signals: signals.readers,
    ledger: () => each(records),
    spikes: () => each(toBatches(spikes)),
    stimuli: () => each(stimuli),
    models: () => each(models),
    close: () => {
      closed++;
      return Promise.resolve();
    },
  };
  return { contents, samples: signals.samples, records, counted, spikes, stimuli, models, closed: () => closed };
}

type Settings = Required<FixtureOptions>;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

function makeSignals({ seed, rows, columns, stretches }: Settings): {
  readers: BlockReader[];
  samples: Int16Array[];
} {
  const random = openRandomStream(seed, 'fixture-samples');
  const channels = Array.from({ length: rows * columns }, (_, electrode): RecordedChannel => ({
    name: `E${electrode}`,
    gainUvPerBit: GAIN_UV,
    offsetUv: 0,
    electrode,
  }));
  const samples = stretches.map((frames) =>
    Int16Array.from({ length: frames * channels.length }, () => random.integer(65_536) - 32_768),
  );
  let next = FIRST_SAMPLE;
  const readers = stretches.map((frames, i): BlockReader => {
    const firstSample = next;
    next += frames + GAP;
    const blind: SampleSpan[] =
      i === 0 ? [{ from: sampleIndex(firstSample + 100), to: sampleIndex(firstSample + 140) }] : [];
    const name = `MEA-${channels.length}, recording ${i + 1}`;
    return {
      signal: { name, channels, sampleRateHz: hertz(RATE), firstSample: sampleIndex(firstSample), frames, blind },
      readBlock: (firstFrame, wanted) => {
        const end = Math.min(frames, firstFrame + wanted);
        const piece = samples[i]!.slice(firstFrame * channels.length, end * channels.length);
        return Promise.resolve({ firstFrame, frames: end - firstFrame, channels: channels.length, samples: piece });
      },
    };
  });
  return { readers, samples };
}

function makeLedger(settings: Settings): { records: LedgerRecord[]; counted: TrialRecord[] } {
  const { sources, rows, columns, trials, sessions, largestCount, isBlind } = settings;
  const random = openRandomStream(settings.seed, 'fixture-trials');
  const electrodes = rows * columns;
  const inputs = Math.max(1, electrodes >> 1);
  const records: LedgerRecord[] = [
    {
      type: 'experiment-started',
      version: 1,
      experiment: { trials, name: 'made up' },
      rig: { name: 'none' },
      source: {
        provenance: 'emulated',
        device: 'MEA/64 emulator',
        electrodes,
        stimulatedElectrodes: Array.from({ length: inputs }, (_, i) => i * 2),
        sampleRateHz: hertz(RATE),
        responseWindowMs: [milliseconds(10), milliseconds(300)],
      },
    },
  ];
  const digits = (count: number): string => Array.from({ length: count }, () => String(random.integer(2))).join('');
  let atSample = FIRST_SAMPLE;
  const makeTrial = (session: number, trial: number): TrialRecord => {
    atSample += 100;
    const isPulsed = random.integer(4) > 0;
    return {
      type: 'trial',
      session,
      trial,
      sources: digits(sources),
      inputs: isPulsed ? digits(inputs) : '0'.repeat(inputs),
      atSample,
      delivery: isPulsed ? 'delivered' : 'nothing-as-asked',
      deliveredSample: atSample + 1,
      window: [atSample + 20, atSample + 90],
      counts: Array.from({ length: electrodes }, () => random.integer(largestCount + 1)),
      ...(isBlind && { blindFraction: Array.from({ length: electrodes }, () => random.integer(5) / 4) }),
    };
  };
  const counted: TrialRecord[] = [];
  for (let session = 0; session <= sessions; session++) {
    records.push({ type: 'session-started', session, atSample });
    if (session === 1) {
      for (let trial = 0; trial < 3; trial++) records.push(makeTrial(session, trial));
      records.push({ type: 'session-restarted', session, trial: 3, gapSamples: 900_000 });
    }
    for (let trial = 0; trial < (session === sessions ? 3 : trials); trial++) {
      const record = makeTrial(session, trial);
      if (trial === 2) records.push(toUncounted(record));
      records.push(record);
      if (session < sessions) counted.push(record);
    }
    records.push({ type: 'rest', session, seconds: 244 });
  }
  // One trial that reaches the largest count, whatever was drawn.
  const last = counted.at(-1)!;
  const largest = { ...last, counts: [largestCount, ...last.counts.slice(1)] };
  counted[counted.length - 1] = largest;
  records[records.indexOf(last)] = largest;
  return { records, counted };
}

function toUncounted({ session, trial, sources, inputs, atSample, window }: TrialRecord): LedgerRecord {
  return {
    type: 'trial-uncounted',
    session,
    trial,
    attempt: 1,
    reason: 'late',
    sources,
    inputs,
    atSample: atSample - 50,
    delivery: 'late',
    deliveredSample: atSample - 45,
    window,
  };
}

function makeSpikes(
  { seed, rows, columns, spikes }: Settings,
  readers: readonly BlockReader[],
): { sample: number; electrode: number; amplitudeUv: number }[] {
  const random = openRandomStream(seed, 'fixture-spikes');
  const drawn = Array.from({ length: spikes }, () => {
    const { firstSample = 0, frames = 10_000 } = readers[random.integer(Math.max(1, readers.length))]?.signal ?? {};
    return {
      sample: firstSample + random.integer(frames),
      // The last electrode is silent.
      electrode: random.integer(rows * columns - 1),
      amplitudeUv: Math.fround(-20 - 80 * random.uniform()),
    };
  });
  return drawn.sort((a, b) => a.sample - b.sample || a.electrode - b.electrode);
}

function toBatches(spikes: RecordingFixture['spikes']): RecordedSpikes[] {
  const batches: RecordedSpikes[] = [];
  for (let at = 0; at < spikes.length; at += SPIKES_PER_BATCH) {
    const part = spikes.slice(at, at + SPIKES_PER_BATCH);
    batches.push({
      from: sampleIndex(part[0]!.sample),
      to: sampleIndex(part.at(-1)!.sample + 1),
      samples: Float64Array.from(part, ({ sample }) => sample),
      electrodes: Uint16Array.from(part, ({ electrode }) => electrode),
      amplitudesUv: Float32Array.from(part, ({ amplitudeUv }) => amplitudeUv),
    });
  }
  return batches;
}

/** Pulses, an empty pattern, one that was dropped, and one in the gap. */
function makeStimuli({ rows, columns }: Settings, readers: readonly BlockReader[]): RecordedStimulus[] {
  const electrodes = rows * columns;
  const first = readers[0]?.signal.firstSample ?? FIRST_SAMPLE;
  const last = readers.at(-1)?.signal.firstSample ?? FIRST_SAMPLE + 5000;
  const pulse = { amplitudeUa: -20, phaseWidthUs: 200 };
  const at = (sample: number): RecordedStimulus['atSample'] => sampleIndex(sample);
  return [
    { stimulusId: 1, atSample: at(first + 10), outcome: 'delivered', electrodes: [0, 2], ...pulse },
    { stimulusId: 2, atSample: at(first + 20), outcome: 'delivered', electrodes: [] },
    { stimulusId: 3, atSample: at(first + 30), outcome: 'dropped', electrodes: [1], ...pulse },
    { stimulusId: 4, atSample: at(last - 100), outcome: 'dropped', electrodes: [electrodes - 1], ...pulse },
    {
      stimulusId: 5,
      atSample: at(last + 7),
      outcome: 'delivered',
      electrodes: [3],
      amplitudeUa: 15,
      phaseWidthUs: 100,
    },
  ];
}

function makeModels({ seed, sources, rows, columns, sessions }: Settings): ModelSnapshot[] {
  const random = openRandomStream(seed, 'fixture-models');
  const inputs = Math.max(1, (rows * columns) >> 1);
  const draw = (): Float64Array => Float64Array.from({ length: sources * inputs }, () => random.uniform53());
  return Array.from({ length: sessions }, (_, session) => ({ session, sources, inputs, w1: draw(), w0: draw() }));
}
