import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Observable } from 'rxjs';

import type { DeviceEvent } from '../drivers/mea-link/device-event.js';
import { hertz } from '../protocols/units.js';
import type { ArtefactHandling } from '../src/pipeline/artefact/artefact-settings.js';
import { detectSpikes } from '../src/pipeline/operators/detect-spikes.js';
import { shareEvents } from '../src/pipeline/operators/share-events.js';
import { trialResponses } from '../src/pipeline/operators/trial-responses.js';
import { createSpikePipeline } from '../src/pipeline/spike-pipeline.js';
import {
  PULSE_SAMPLES,
  recordEmulated,
  tellRecording,
  type EmulatedRecording,
} from '../tests/helpers/emulated-recording.js';
import { copyRate, printLine } from './measure.js';

// The whole pipeline through RxJS: blocks and stimuli in, spikes and trial responses out, on the emulated culture with a
// stimulus a second, in million samples per CPU second of one core. Asked for at 64 channels: 250 with SALPA for 100 ms
// after each stimulus, 120 with SALPA always on; 1024 channels at 20 kHz in real time with 60 % of the core idle. Then
// what it costs by channels and by time, and memory over an emulated hour. The best of several rounds: the others measure
// the machine's other guests.
const ROUNDS = 7;
const SAMPLE_RATE_HZ = 20_000;

interface Outcome {
  spikes: number;
  trials: number;
}

/** One subscription that goes on from lap to lap. */
class Run {
  readonly outcome: Outcome = { spikes: 0, trials: 0 };
  readonly #recording: EmulatedRecording;
  readonly #blockFrames: number;
  readonly #give: (event: DeviceEvent) => void;
  #lap = 0;

  constructor(recording: EmulatedRecording, blockFrames: number, artefacts: Partial<ArtefactHandling>) {
    this.#recording = recording;
    this.#blockFrames = blockFrames;
    const { channels, sampleRateHz, gainUvPerBit } = recording;
    let give: (event: DeviceEvent) => void = () => undefined;
    const device$ = new Observable<DeviceEvent>((subscriber) => {
      give = (event) => {
        subscriber.next(event);
      };
    });
    const events$ = device$.pipe(
      detectSpikes({
        createPipeline: () => createSpikePipeline({ channels, sampleRateHz, gainUv: gainUvPerBit, artefacts }),
        durationSamplesOf: ({ electrodes }) => (electrodes.length === 0 ? 0 : PULSE_SAMPLES),
      }),
      shareEvents(),
    );
    events$.pipe(trialResponses({ electrodes: channels, sampleRateHz: hertz(sampleRateHz) })).subscribe(() => {
      this.outcome.trials += 1;
    });
    events$.subscribe((event) => {
      if (event.type === 'spikes') this.outcome.spikes += event.batch.samples.length;
    });
    this.#give = give;
  }

  /** The recording once more; CPU seconds. */
  lap(): number {
    const events = [...tellRecording(this.#recording, this.#blockFrames, { firstLap: this.#lap++ })];
    const before = process.cpuUsage();
    for (const event of events) this.#give(event);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  }
}

function bestRate(run: Run, samples: number): number {
  run.lap();
  return samples / Math.min(...Array.from({ length: ROUNDS }, () => run.lap())) / 1e6;
}

const MODES = [
  ['SALPA for 100 ms', 'after-stimulus', 250],
  ['SALPA always', 'always', 120],
  ['blanking alone', 'blank', undefined],
] as const;

printLine(`machine: a copy moves ${copyRate().toFixed(0)} million int16 a CPU second`);
printLine('million samples per CPU second, blocks in, spikes and trials out:');
const small = recordEmulated({ seconds: 8, seed: 7 });
for (const [name, mode, asked] of MODES) {
  for (const blockFrames of [20, 200]) {
    const run = new Run(small, blockFrames, { mode });
    const rate = bestRate(run, small.samples.length);
    const { spikes, trials } = run.outcome;
    const perSecond = spikes / ((ROUNDS + 1) * 8 * small.channels);
    printLine(
      `64 channels, blocks of ${blockFrames / 20} ms, ${name}: ${rate.toFixed(0)}` +
        `${asked === undefined ? '' : ` (asked for: ${asked})`}; ${perSecond.toFixed(1)} spikes/s and channel, ${trials} trials`,
    );
  }
}
const large = recordEmulated({ seconds: 2, seed: 7, electrodes: 1024 });
for (const [name, mode] of MODES) {
  const rate = bestRate(new Run(large, 20, { mode }), large.samples.length);
  const busy = (1024 * SAMPLE_RATE_HZ) / 1e6 / rate;
  printLine(
    `1024 channels at 20 kHz, blocks of 1 ms, ${name}: ${rate.toFixed(0)}; the core is idle for ` +
      `${(100 * (1 - busy)).toFixed(0)} % (asked for: 60)`,
  );
}

printLine('cost by channels, ns a sample, SALPA for 100 ms, blocks of 1 ms:');
for (const electrodes of [64, 128, 256, 512, 1024, 2048]) {
  const recording = recordEmulated({ seconds: 1, seed: 7, electrodes });
  printLine(`  ${electrodes}: ${(1000 / bestRate(new Run(recording, 20, {}), recording.samples.length)).toFixed(2)}`);
}

// Garbage is collected before each look at the memory, so that it shows what is held.
setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');
function heldMegabytes(): readonly [heap: number, resident: number] {
  if (typeof collectGarbage === 'function') Reflect.apply(collectGarbage, undefined, []);
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return [(heapUsed + arrayBuffers) / 1e6, rss / 1e6];
}

printLine('an emulated hour of 64 channels, blocks of 1 ms (minutes: ns a sample; MB held on the heap; resident):');
const long = new Run(small, 20, {});
const lapsPerReport = (10 * 60) / 8;
for (let minutes = 0; minutes <= 60; minutes += 10) {
  let seconds = 0;
  const laps = minutes === 0 ? 1 : lapsPerReport;
  for (let lap = 0; lap < laps; lap++) seconds += long.lap();
  const [heap, resident] = heldMegabytes();
  const cost = (1e9 * seconds) / (laps * small.samples.length);
  printLine(`  ${minutes}: ${cost.toFixed(2)}; ${heap.toFixed(1)}; ${resident.toFixed(0)}`);
}
