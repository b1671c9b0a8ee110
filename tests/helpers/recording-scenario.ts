import { MeaError } from '../../protocols/errors.js';
import { hertz, sampleIndex } from '../../protocols/units.js';
import type { Disk } from '../../src/recording/disk/disk.js';
import { openRecording } from '../../src/recording/open-recording.js';
import { Recorder, type RecorderNotice } from '../../src/recording/recorder.js';
import { describeProbe } from '../../src/recording/probe-file.js';
import type { RawPolicy, SessionFile } from '../../src/recording/session-file.js';

/** A small recording that has everything: samples, spikes, stimuli, trials, models, a short gap and a long one. */
export interface Scenario {
  readonly seconds: number;
  readonly channels: number;
  readonly raw?: RawPolicy;
  /** Sample before which 20 samples are missing, and before which 500 are; none by default. */
  readonly shortGapAt?: number;
  readonly longGapAt?: number;
}

/** What a recorder was given, and what it said was safe. */
export interface ScenarioOutcome {
  readonly ledger: readonly string[];
  readonly spikes: number;
  readonly notices: readonly RecorderNotice[];
  readonly acknowledged: readonly Acknowledged[];
  /** What a call threw; the recording is over then. */
  readonly error: MeaError | undefined;
}

export interface Acknowledged {
  /** Calls that had reached the disk. */
  readonly operations: number;
  readonly ledger: number;
  readonly nextSample: number;
}

export const RATE_HZ = 1000;
const BLOCK = 50;

/** The sample of a channel: any wrong place shows. */
export function valueOf(sample: number, channel: number): number {
  return (((sample + 1) * 7919 + channel * 104_729) % 60_000) - 30_000;
}

export function sessionOf({ channels, raw = 'all' }: Scenario): SessionFile {
  return {
    version: 1,
    id: 'scenario',
    kind: 'run',
    startedAt: '2026-01-01T00:00:00.000Z',
    program: { meactl: '0', node: '0' },
    provenance: 'emulated',
    device: { name: 'scenario' },
    sampleRateHz: hertz(RATE_HZ),
    channels,
    gainUvPerBit: 0.5,
    array: { rows: 1, columns: channels },
    raw,
    configuration: {},
  };
}

/** Records a scenario; its clock goes by its samples. */
export function recordScenario(
  { seconds, channels, raw, shortGapAt, longGapAt }: Scenario,
  { disk, folder, count }: { readonly disk: Disk; readonly folder: string; readonly count: () => number },
): ScenarioOutcome {
  const notices: RecorderNotice[] = [];
  const ledger: string[] = [];
  const acknowledged: Acknowledged[] = [];
  let spikes = 0;
  let nowMs = 0;
  let error: MeaError | undefined;
  try {
    const recorder = new Recorder({
      disk,
      clock: { wallMs: () => 1_700_000_000_000 + nowMs, monotonicMs: () => nowMs },
      folder,
      session: sessionOf({ seconds, channels, ...(raw !== undefined && { raw }) }),
      probe: describeProbe({ rows: 1, columns: channels }),
      reserveBytes: 1024,
      onNotice: (notice) => {
        notices.push(notice);
        if (notice.type !== 'saved') return;
        const nextSample = notice.hasRaw ? (notice.nextSample ?? 0) : (acknowledged.at(-1)?.nextSample ?? 0);
        acknowledged.push({ operations: count(), ledger: ledger.length, nextSample });
      },
    });
    try {
      recorder.event({ type: 'stream-started' });
      let sample = 0;
      for (let block = 0; block * BLOCK < seconds * RATE_HZ; block++) {
        if (sample === shortGapAt) sample += 20;
        if (sample === longGapAt) sample += 500;
        const samples = new Int16Array(BLOCK * channels);
        for (let i = 0; i < samples.length; i++) {
          samples[i] = valueOf(sample + Math.floor(i / channels), i % channels);
        }
        recorder.block({ firstSample: sampleIndex(sample), frames: BLOCK, channels, samples });
        recorder.spikes({
          from: sampleIndex(sample),
          to: sampleIndex(sample + BLOCK),
          samples: Float64Array.of(sample + 3),
          electrodes: Uint16Array.of(block % channels),
          amplitudesUv: Float32Array.of(-40.5),
          blind: { electrodes: new Uint16Array(0), from: new Float64Array(0), to: new Float64Array(0) },
        });
        spikes += 1;
        sample += BLOCK;
        nowMs += (BLOCK * 1000) / RATE_HZ;
        if (block % 8 === 1) stimulate(recorder, block, sample);
        if (block % 5 === 4) {
          const record = `{"type":"rest","session":${ledger.length},"seconds":1}`;
          // In the list first: what is written at once is acknowledged by the call itself.
          ledger.push(record);
          recorder.ledger(Buffer.from(record));
        }
      }
      recorder.event({ type: 'stream-ended' });
    } finally {
      recorder.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof MeaError)) throw thrown;
    error = thrown;
  }
  return { ledger, spikes, notices, acknowledged, error };
}

function stimulate(recorder: Recorder, id: number, sample: number): void {
  const event = { type: 'stimulus-scheduled', stimulusId: id, sample, durationSamples: 3, electrodes: [0] };
  recorder.event(event);
  const delivered = { type: 'stimulus-delivered', stimulusId: id, sample, electrodes: [0] };
  recorder.event(delivered);
}

/** What could be read of a recording. */
export interface ReadBack {
  readonly ledger: readonly string[];
  readonly spikes: number;
  /** Frames outside blind spans. */
  readonly frames: number;
  /** The sample after the last frame. */
  readonly nextSample: number;
}

/**
 * Reads all of a recording.
 *
 * @throws Error at the first sample, spike or record that is not what was recorded
 */
export async function readBack(folder: string, ledger: readonly string[]): Promise<ReadBack> {
  const recording = openRecording(folder, 'blind');
  try {
    let frames = 0;
    let nextSample = 0;
    for (const reader of recording.signals) {
      const { signal } = reader;
      if (signal.frames === 0) continue;
      const { samples } = await reader.readBlock(0, signal.frames);
      const channels = signal.channels.length;
      for (let frame = 0; frame < signal.frames; frame++) {
        const sample = signal.firstSample + frame;
        if (signal.blind.some(({ from, to }) => sample >= from && sample < to)) continue;
        frames += 1;
        for (let channel = 0; channel < channels; channel++) {
          const read = samples[frame * channels + channel];
          if (read !== valueOf(sample, channel))
            throw new Error(`sample ${sample} of channel ${channel} reads ${read}`);
        }
      }
      nextSample = Math.max(nextSample, signal.firstSample + signal.frames);
    }
    const read: string[] = [];
    for await (const record of recording.ledger()) read.push(JSON.stringify(record));
    const known = new Set(ledger);
    const wrong = read.find((record) => !known.has(record));
    if (wrong !== undefined) throw new Error(`a record that nobody wrote: ${wrong}`);
    let spikes = 0;
    for await (const { samples, amplitudesUv } of recording.spikes()) {
      spikes += samples.length;
      if (samples.some((sample) => sample % BLOCK !== 3 && (sample - 20) % BLOCK !== 3))
        throw new Error('a wrong spike');
      if (amplitudesUv.some((value) => value !== -40.5)) throw new Error('a wrong amplitude');
    }
    return { ledger: read, spikes, frames, nextSample };
  } finally {
    await recording.close();
  }
}
