import { openRandomStream } from '../../protocols/random.js';
import { sampleIndex } from '../../protocols/units.js';
import { createEmulatedRig } from '../../sim-device/rig/create-emulated-rig.js';
import type { ArtefactHandling } from '../../src/pipeline/artefact/artefact-settings.js';
import { createSpikePipeline, type SpikePipeline } from '../../src/pipeline/spike-pipeline.js';
import { biphasicPulse } from './emulated-voltages.js';
import { FindingsLog } from './score-spikes.js';

const RATE_HZ = 20_000;
/** 200 + 200 us. */
const PULSE_SAMPLES = 8;
/** Samples from one stimulus to the next, the first stimulus after the noise has settled, and of a call. */
const PERIOD = 5000;
const FIRST = 100_000;
const BLOCK = 1000;

/** What a pipeline found in a silenced culture, and when it saw. */
export interface SilentTrials {
  /** (trial, channel) windows. */
  readonly windows: number;
  /** Of them, those with a spike 3 to 100 ms after the pulse. */
  readonly found: number;
  /** The same 135 to 232 ms after the pulse, when artefact and handling are over: what noise alone does. */
  readonly foundLater: number;
  /** Samples after the pulse from which an electrode is seen to the end of 100 ms: the latest of all trials. */
  readonly pulsedSeenFrom: number;
  readonly othersSeenFrom: number;
}

/** Stimuli on half of the stimulated electrodes of a silenced culture, through pipelines that differ in the handling alone. */
export function runSilentTrials(
  { seed, trials }: { readonly seed: number; readonly trials: number },
  handlings: readonly Partial<ArtefactHandling>[],
): SilentTrials[] {
  const rig = createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'ttx', seed },
  });
  const { channels, gainUvPerBit } = rig;
  const pipelines = handlings.map((artefacts) =>
    createSpikePipeline({ channels, sampleRateHz: RATE_HZ, gainUv: gainUvPerBit, artefacts }),
  );
  const logs = pipelines.map(() => new FindingsLog(channels));
  const random = openRandomStream(seed, 'silent-patterns');
  const marks = Array.from({ length: trials }, (_, trial) => ({
    sample: sampleIndex(FIRST + trial * PERIOD),
    electrodes: rig.stimulatedElectrodes.filter(() => random.integer(2) === 1),
    durationSamples: PULSE_SAMPLES,
  }));
  for (const { sample, electrodes } of marks) {
    rig.deliver(
      electrodes.map((electrode) => biphasicPulse(electrode)),
      sample,
    );
  }
  for (const mark of marks) for (const pipeline of pipelines) pipeline.mark(mark);
  for (let at = 0; at < FIRST + trials * PERIOD; at += BLOCK) {
    const block = { firstSample: sampleIndex(at), frames: BLOCK, channels, samples: rig.render(BLOCK) };
    pipelines.forEach((pipeline, p) => {
      logs[p]!.add(pipeline.push(block));
    });
  }
  return pipelines.map((pipeline, p) => measure(finish(pipeline, logs[p]!), marks));
}

function finish(pipeline: SpikePipeline, log: FindingsLog): FindingsLog {
  log.add(pipeline.end());
  return log;
}

function measure(
  { electrodes }: FindingsLog,
  marks: readonly { readonly sample: number; readonly electrodes: readonly number[] }[],
): SilentTrials {
  let [found, foundLater, pulsedSeenFrom, othersSeenFrom] = [0, 0, 0, 0];
  electrodes.forEach(({ samples, blind }, e) => {
    for (const mark of marks) {
      const end = mark.sample + PULSE_SAMPLES;
      const isFound = (from: number, to: number): boolean => samples.some((at) => at >= end + from && at < end + to);
      found += Number(isFound(60, 2000));
      foundLater += Number(isFound(2700, 4640));
      let seenFrom = 0;
      for (let i = 0; i < blind.length; i += 2) {
        if (blind[i]! < end + 2000 && blind[i + 1]! > end) seenFrom = Math.max(seenFrom, blind[i + 1]! - end);
      }
      if (mark.electrodes.includes(e)) pulsedSeenFrom = Math.max(pulsedSeenFrom, seenFrom);
      else othersSeenFrom = Math.max(othersSeenFrom, seenFrom);
    }
  });
  return { windows: electrodes.length * marks.length, found, foundLater, pulsedSeenFrom, othersSeenFrom };
}
