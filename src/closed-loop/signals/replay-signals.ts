import { merge, Subject, type Observable } from 'rxjs';
import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import type { SampleBlock } from '../../../protocols/sample-block.js';
import type { DetectorLevels } from '../../../protocols/trial.js';
import type { Hertz } from '../../../protocols/units.js';
import type { PipelineEvent, StimulusScheduled } from '../../pipeline/events/pipeline-event.js';
import { isPlainEvent } from '../../pipeline/events/rig-event.js';
import { detectSpikes } from '../../pipeline/operators/detect-spikes.js';
import { judgeDeliveries } from '../../pipeline/operators/judge-deliveries.js';
import { shareEvents } from '../../pipeline/operators/share-events.js';
import { trialResponses } from '../../pipeline/operators/trial-responses.js';
import type { SpikeBatch } from '../../pipeline/spike-batch.js';
import { createSpikePipeline, type SpikePipeline } from '../../pipeline/spike-pipeline.js';
import type { DeliveryDoubt } from '../../pipeline/trials/delivery-judge.js';
import type { WindowedResponse } from '../../pipeline/trials/windowed-response.js';
import type { RigLoopSettings } from '../../pipeline/worker/rig-settings.js';

/** What the recorded samples were. */
export interface ReplayedDevice {
  readonly channels: number;
  readonly sampleRateHz: Hertz;
  readonly gainUvPerBit: number;
}

/** What is told of a recording that is looked at again. */
export interface ReplayHandlers {
  readonly onSpikes: (batch: SpikeBatch) => void;
  /** Comes before the results of the spikes that it belongs to. */
  readonly onLevels: (levels: DetectorLevels) => void;
  readonly onResponse: (response: WindowedResponse) => void;
  readonly onDoubt: (doubt: DeliveryDoubt) => void;
}

/** The way of recorded samples through the pipeline. It has no device, and no way to one: a replay cannot stimulate. */
export interface SignalReplay {
  block(block: SampleBlock): void;
  /** What was told then; what a replay does not go by is passed over. */
  event(event: { readonly type: string }): void;
  end(): void;
}

/**
 * Opens the pipeline of a rig for recorded samples: the same operators, with the same settings, in the same order.
 *
 * @throws MeaError `bad-input` for settings that cannot be; its calls throw what the pipeline throws
 */
export function openSignalReplay(
  settings: RigLoopSettings,
  { channels, sampleRateHz, gainUvPerBit }: ReplayedDevice,
  handlers: ReplayHandlers,
): SignalReplay {
  const { detector = {}, delivery, windows } = settings;
  const device$ = new Subject<DeviceEvent>();
  const scheduled$ = new Subject<StimulusScheduled>();
  /** (stimulus id) length of its pulses in samples. */
  const lengths = new Map<number, number>();
  const lengthOf = (stimulusId: number): number => lengths.get(stimulusId) ?? 0;
  let failure: { readonly error: unknown } | undefined;
  let pipeline: SpikePipeline | undefined;
  const createPipeline = (): SpikePipeline => {
    pipeline = createSpikePipeline({ ...detector, channels, sampleRateHz, gainUv: gainUvPerBit });
    return pipeline;
  };
  const events$ = device$.pipe(
    detectSpikes({ createPipeline, durationSamplesOf: ({ stimulusId }) => lengthOf(stimulusId) }),
    shareEvents(),
  );
  const error = (reason: unknown): void => {
    failure ??= { error: reason };
  };
  const noise = detector.noise?.mode ?? 'adaptive';
  // The order of the live loop: spikes and levels, doubts, results.
  events$.subscribe({
    next: (event) => {
      if (event.type !== 'spikes') return;
      handlers.onSpikes(event.batch);
      for (const { atSample, noiseUv, thresholdsUv } of pipeline?.takeLevels() ?? []) {
        handlers.onLevels({
          atSample,
          noise,
          noiseUv: Array.from(noiseUv),
          thresholdsUv: Array.from(thresholdsUv, (value) => (Number.isFinite(value) ? value : null)),
        });
      }
    },
    error,
  });
  if (delivery !== undefined) {
    judge(events$, {
      ...delivery,
      sampleRateHz,
      gainUvPerBit,
      excluded: detector.excluded,
      durationSamplesOf: lengthOf,
    }).subscribe({ next: handlers.onDoubt, error });
  }
  merge(events$, scheduled$)
    .pipe(trialResponses({ ...windows, electrodes: channels, sampleRateHz }))
    .subscribe({ next: handlers.onResponse, error });
  const assertSound = (): void => {
    if (failure !== undefined) throw failure.error;
  };
  let sequence = 0;
  return {
    block(block) {
      device$.next({ ...block, type: 'block', sequence: sequence++ });
      assertSound();
    },
    event(event) {
      if (!isPlainEvent(event)) return;
      if (event.type === 'stimulus-scheduled') {
        lengths.set(event.stimulusId, event.durationSamples);
        scheduled$.next(event);
      } else if (isOfDevice(event)) device$.next(event);
      assertSound();
    },
    end() {
      device$.complete();
      scheduled$.complete();
      assertSound();
    },
  };
}

function judge(
  events$: Observable<PipelineEvent>,
  options: Parameters<typeof judgeDeliveries>[0],
): Observable<DeliveryDoubt> {
  return events$.pipe(judgeDeliveries(options));
}

/** What the pipeline or the loop said themselves is found anew. */
function isOfDevice<T extends { readonly type: string }>(event: T): event is T & DeviceEvent {
  return !OWN.has(event.type);
}

const OWN: ReadonlySet<string> = new Set([
  'latency',
  'stimulus-scheduled',
  'stimulus-refused',
  'detector-levels',
  'delivery-doubted',
  'overrun',
]);
