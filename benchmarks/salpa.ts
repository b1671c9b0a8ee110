import { openRandomStream } from '../protocols/random.js';
import { sampleIndex } from '../protocols/units.js';
import { createEmulatedRig } from '../sim-device/rig/create-emulated-rig.js';
import { MAX_RENDER_FRAMES } from '../sim-device/rig/emulated-rig.js';
import type { ArtefactHandling } from '../src/pipeline/artefact/artefact-settings.js';
import { createArtefactStage } from '../src/pipeline/artefact/artefact-stage.js';
import { openKernels } from '../src/pipeline/open-kernels.js';
import { biphasicPulse } from '../tests/helpers/emulated-voltages.js';
import { machineRate, printLine } from './measure.js';

// What the artefact stage costs a sample, on emulated voltages at 20 kHz with half the electrodes of an 8 x 8 array pulsed
// once a second, beside a copy of the samples. More channels are the same ones side by side. Copying the block into the
// kernels' memory is part of it, what comes behind the stage is not. Asked for: 250 million samples per second of the
// whole pipeline with SALPA for 100 ms after each stimulus, 120 with SALPA always on; filter and detection take about 2
// of the 4 and 8.3 ns that this leaves. The best of several runs: the others measure the machine's other guests.
const SAMPLE_RATE_HZ = 20_000;
const DURATION_SAMPLES = 8;
const PULSE_AT = 2000;
const ROUNDS = 60;

const HANDLINGS: readonly (readonly [string, Partial<ArtefactHandling>, boolean])[] = [
  ['no stimuli', { mode: 'after-stimulus' }, false],
  ['blanking alone, 1/s', { mode: 'blank', blankMs: 3, pulsedBlankMs: 6 }, true],
  ['SALPA for 100 ms, 1/s', { mode: 'after-stimulus' }, true],
  ['SALPA always, 1/s', { mode: 'always' }, true],
  ['SALPA always, one-sided, 1/s', { mode: 'always', form: 'one-sided' }, true],
];

/** A second of 64 channels with a stimulus in it. */
function renderSecond(): { readonly samples: Int16Array; readonly electrodes: readonly number[] } {
  const rig = createEmulatedRig({
    culture: { parameters: 'ctrl', plasticity: 'free-energy', condition: 'none', seed: 3 },
  });
  const random = openRandomStream(3, 'benchmark-pattern');
  const electrodes = rig.stimulatedElectrodes.filter(() => random.integer(2) === 1);
  rig.deliver(
    electrodes.map((electrode) => biphasicPulse(electrode)),
    PULSE_AT,
  );
  const samples = new Int16Array(SAMPLE_RATE_HZ * rig.channels);
  for (let done = 0; done < SAMPLE_RATE_HZ; done += MAX_RENDER_FRAMES) {
    const frames = Math.min(MAX_RENDER_FRAMES, SAMPLE_RATE_HZ - done);
    samples.set(rig.render(frames), done * rig.channels);
  }
  return { samples, electrodes };
}

/** The same channels several times side by side. */
function widen(samples: Int16Array, times: number): Int16Array {
  const wide = new Int16Array(samples.length * times);
  for (let frame = 0; frame < SAMPLE_RATE_HZ; frame++) {
    const row = samples.subarray(frame * 64, frame * 64 + 64);
    for (let k = 0; k < times; k++) wide.set(row, (frame * times + k) * 64);
  }
  return wide;
}

interface Case {
  readonly channels: number;
  readonly blockFrames: number;
  readonly samples: Int16Array;
  readonly electrodes: readonly number[];
}

/** A second through a stage, again and again. Without stimuli the part of the second before the pulse is repeated. */
function createRun(
  { channels, blockFrames, samples, electrodes }: Case,
  handling: Partial<ArtefactHandling>,
  isStimulated: boolean,
): () => void {
  const stage = createArtefactStage(openKernels(), {
    channels,
    sampleRateHz: SAMPLE_RATE_HZ,
    gainUvPerBit: 0.195,
    maxFrames: blockFrames,
    handling,
  });
  const period = isStimulated ? SAMPLE_RATE_HZ : PULSE_AT;
  return () => {
    if (isStimulated) {
      stage.mark({
        sample: sampleIndex(stage.nextSample + PULSE_AT),
        electrodes,
        durationSamples: DURATION_SAMPLES,
      });
    }
    for (let done = 0; done < SAMPLE_RATE_HZ; done += blockFrames) {
      const from = (done % period) * channels;
      stage.push(samples.subarray(from, from + blockFrames * channels));
    }
  };
}

function copyRun({ channels, blockFrames, samples }: Case): () => void {
  const target = new Int16Array(blockFrames * channels);
  return () => {
    for (let from = 0; from < samples.length; from += target.length) {
      target.set(samples.subarray(from, from + target.length));
    }
  };
}

/** Best nanoseconds a sample of each run, in turns, so that a slow spell hits all of them. */
function bestNanoseconds(runs: readonly (() => void)[], samples: number): number[] {
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    runs.forEach((run, i) => {
      const started = performance.now();
      run();
      best[i] = Math.min(best[i]!, ((performance.now() - started) * 1e6) / samples);
    });
  }
  return best;
}

printLine(`machine: ${machineRate().toFixed(0)} MB/s of a plain sum over 16-bit numbers`);
const { samples, electrodes } = renderSecond();
for (const channels of [64, 1024]) {
  const wide = widen(samples, channels / 64);
  for (const blockFrames of [20, 200]) {
    const one: Case = { channels, blockFrames, samples: wide, electrodes };
    const runs = HANDLINGS.map(([, handling, isStimulated]) => createRun(one, handling, isStimulated));
    const best = bestNanoseconds([copyRun(one), ...runs], wide.length);
    printLine(`${channels} channels, blocks of ${blockFrames} frames, ns a sample:`);
    ['a copy', ...HANDLINGS.map(([name]) => name)].forEach((name, i) => {
      printLine(`  ${name.padEnd(30)} ${best[i]!.toFixed(3)}`);
    });
  }
}
