import type { OperatorFunction } from 'rxjs';
import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import { MeaError } from '../../../protocols/errors.js';
import type { BlockMessage, StimulusDelivered } from '../../../protocols/mea-link/messages.js';
import { isBoundary, type PipelineEvent } from '../events/pipeline-event.js';
import type { SignalPipeline } from '../signal-pipeline.js';
import type { SpikeBatch } from '../spike-batch.js';
import { runStage, type Stage } from './run-stage.js';

/** How spikes are found in the blocks of a device. */
export interface DetectSpikesOptions {
  /** Called for each acquisition, and after the sample counter went back: a pipeline sees one run of rising samples. */
  readonly createPipeline: () => SignalPipeline;
  /** Length of the pulses of a stimulus in samples, rounded up, e.g. by its pattern slot; 0 for an empty pattern. */
  readonly durationSamplesOf: (stimulus: StimulusDelivered) => number;
}

/**
 * Puts a `spikes` event after each block that settled something; all events pass through in their order. Stimuli are
 * marked in the pipeline when the device tells of them, which is before the block that holds their sample. A rest is told
 * to the pipeline, so that it is not taken for a gap.
 *
 * The stream errors with what the pipeline throws: `bad-input` for a block with another number of channels; and so for a
 * stimulus that is told after its sample, because its artefact has been taken for spikes.
 */
export function detectSpikes(options: DetectSpikesOptions): OperatorFunction<DeviceEvent, PipelineEvent> {
  return runStage(() => new SpikeDetection(options));
}

class SpikeDetection implements Stage<DeviceEvent, PipelineEvent> {
  readonly #options: DetectSpikesOptions;
  #pipeline: SignalPipeline | undefined;
  /** Sample after the last one that the pipeline got; -1 before its first. */
  #next = -1;

  constructor(options: DetectSpikesOptions) {
    this.#options = options;
  }

  push(event: DeviceEvent): readonly PipelineEvent[] {
    if (event.type === 'block') return this.#detect(event);
    if (event.type === 'stimulus-delivered') {
      const { sample, electrodes } = event;
      if (sample < this.#next) throw tooLate(event, this.#next);
      this.#open().mark({ sample, electrodes, durationSamples: this.#options.durationSamplesOf(event) });
    }
    if (event.type === 'rested' && event.toSample >= this.#next) this.#pipeline?.rest(event.toSample);
    return isBoundary(event) ? [...this.end(), event] : [event];
  }

  end(): readonly PipelineEvent[] {
    const batch = this.#pipeline?.end();
    this.#pipeline = undefined;
    this.#next = -1;
    return batch === undefined ? [] : toEvents(batch);
  }

  #detect(block: BlockMessage): readonly PipelineEvent[] {
    const before = block.firstSample < this.#next ? this.end() : [];
    const batch = this.#open().push(block);
    this.#next = block.firstSample + block.frames;
    return [...before, block, ...toEvents(batch)];
  }

  #open(): SignalPipeline {
    this.#pipeline ??= this.#options.createPipeline();
    return this.#pipeline;
  }
}

function tooLate({ stimulusId, sample }: StimulusDelivered, next: number): MeaError {
  return new MeaError('bad-input', {
    what: 'A stimulus was told after the block that holds its sample',
    got: `sample ${sample}`,
    wanted: `${next} or later`,
    where: `stimulus ${stimulusId}`,
    remedy: 'let the device send stimulus_delivered before that block, or its artefact is taken for spikes',
  });
}

/** A batch over no samples tells nothing; one without a spike tells that there was none. */
function toEvents(batch: SpikeBatch): readonly PipelineEvent[] {
  return batch.to > batch.from ? [{ type: 'spikes', batch }] : [];
}
