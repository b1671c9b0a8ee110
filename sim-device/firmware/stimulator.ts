import type {
  Capabilities,
  DropReason,
  Refusal,
  RefusalReason,
  ReplyResult,
  StimulationCapabilities,
  TriggerCommand,
} from '../../protocols/mea-link/messages.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { Pulse, StimPattern } from '../../protocols/stimulation/stim-pattern.js';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { DataBody } from './device-events.js';
import { quantisePulses } from './quantise.js';
import { createDeviceSafetyCheck, type DeviceSafetyCheck } from './safety-check.js';
import { StimQueue } from './stim-queue.js';

/** Where the device's two clocks stand: the sample counter, and the one that neither stops nor jumps. */
export interface DeviceNow {
  readonly nextSample: SampleIndex;
  /** In samples since boot. */
  readonly tick: number;
}

/** How the stimulator reaches the rest of the device. */
export interface StimulatorPorts {
  readonly emit: (body: DataBody) => void;
  /** Pulses leave, at this sample of the device's counter. */
  readonly deliver: (pulses: readonly Pulse[], sample: number) => void;
  /** The electrode would need more than the compliance voltage. */
  readonly isLimited: (pulse: Pulse) => boolean;
  /** A fault switch: the stimulator refuses although it could. */
  readonly failsNow: () => boolean;
}

/**
 * The stimulating half of the device: pattern slots, the queue of accepted stimuli and the device's own safety check.
 * Whether it may stimulate at all (arming) is decided outside, before each call of `trigger`.
 */
export class Stimulator {
  readonly #capabilities: StimulationCapabilities;
  readonly #sampleRateHz: number;
  readonly #ports: StimulatorPorts;
  readonly #slots = new Map<number, readonly Pulse[]>();
  readonly #queue = new StimQueue();
  #safety: DeviceSafetyCheck | undefined;
  #newestId = 0;

  constructor(device: Capabilities, stimulation: StimulationCapabilities, ports: StimulatorPorts) {
    this.#capabilities = stimulation;
    this.#sampleRateHz = device.sampleRateHz;
    this.#ports = ports;
  }

  get scheduled(): number {
    return this.#queue.length;
  }

  /** Id of the last stimulus that was accepted, 0 for none. */
  get newestId(): number {
    return this.#newestId;
  }

  /**
   * Takes the limits; the slots are emptied, because their patterns were checked against others. What left before
   * still counts.
   *
   * @param tick of the device's clock
   */
  configure(profile: SafetyProfile, tick: number): void {
    this.forgetPatterns();
    this.#safety = createDeviceSafetyCheck({
      profile,
      capabilities: this.#capabilities,
      sampleRateHz: this.#sampleRateHz,
      configuredAtSample: tick,
      previous: this.#safety,
    });
  }

  /** Empties the slots. */
  forgetPatterns(): void {
    this.#slots.clear();
  }

  /** A session begins: its budgets start afresh. */
  startSession(): void {
    this.#safety?.startSession();
  }

  upload({ slot, pulses }: StimPattern): ReplyResult {
    const safety = this.#safety;
    if (safety === undefined) return refuse('not-configured', 'no safety profile: send configure first');
    if (slot >= this.#capabilities.slots) {
      return refuse('bad-argument', `slot ${slot}: this device has slots 0 to ${this.#capabilities.slots - 1}`);
    }
    const broken = safety.checkPulses(pulses);
    if (broken !== undefined) return { ...refuse('safety', broken.message), rule: broken.rule };
    this.#slots.set(slot, quantisePulses(pulses, this.#capabilities));
    return { type: 'done' };
  }

  trigger({ stimulusId, slot, at }: TriggerCommand, { nextSample, tick }: DeviceNow): ReplyResult {
    const pulses = this.#slots.get(slot);
    if (pulses === undefined) return refuse('empty-slot', `slot ${slot} holds no pattern: upload one first`);
    if (stimulusId <= this.#newestId) {
      return refuse('stale-id', `stimulus ${stimulusId} after ${this.#newestId}: ids must rise`);
    }
    const sample = at.type === 'now' ? nextSample : at.sample;
    const refusal =
      this.#checkTime(sample, nextSample) ?? this.#checkSafety(pulses, tick + (sample - nextSample), tick);
    if (refusal !== undefined) return refusal;
    this.#newestId = stimulusId;
    this.#safety!.commit(stimulusId, pulses, tick + (sample - nextSample));
    this.#queue.add({ stimulusId, slot, sample, pulses });
    return { type: 'scheduled', sample: sampleIndex(sample) };
  }

  cancel(stimulusId: number): ReplyResult {
    const stimulus = this.#queue.take(stimulusId);
    if (stimulus === undefined) return refuse('bad-argument', `stimulus ${stimulusId} is not waiting`);
    this.#drop(stimulus, 'cancelled', 'taken back by the controller');
    return { type: 'done' };
  }

  /** Empties the queue, and says so for each stimulus that was in it. */
  purge(reason: DropReason, message: string): void {
    for (const stimulus of this.#queue.purge()) this.#drop(stimulus, reason, message);
  }

  /** Lets the stimuli go that are due before a sample. */
  deliverDueBefore(endSample: number): void {
    for (;;) {
      const stimulus = this.#queue.takeDueBefore(endSample);
      if (stimulus === undefined) return;
      const { stimulusId, sample, slot, pulses } = stimulus;
      this.#ports.deliver(pulses, sample);
      const electrodes = pulses.map(({ electrode }) => electrode).sort((a, b) => a - b);
      const limited = pulses.filter((pulse) => this.#ports.isLimited(pulse)).map(({ electrode }) => electrode);
      this.#ports.emit({
        type: 'stimulus-delivered',
        stimulusId,
        sample: sampleIndex(sample),
        slot,
        electrodes,
        ...(limited.length > 0 && { limitedElectrodes: limited.sort((a, b) => a - b) }),
      });
    }
  }

  #checkTime(sample: number, nextSample: number): Refusal | undefined {
    const furthest = nextSample + Math.round((this.#capabilities.maxAheadMs * this.#sampleRateHz) / 1000);
    if (sample < nextSample) {
      return refuse('late', `sample ${sample} is past: the next one is ${nextSample}, ${nextSample - sample} later`);
    }
    if (sample > furthest) {
      return refuse('too-far-ahead', `sample ${sample}: the furthest that can be scheduled now is ${furthest}`);
    }
    if (this.#queue.length >= this.#capabilities.queueLength) {
      return refuse('queue-full', `${this.#queue.length} stimuli are waiting, as many as the queue holds`);
    }
    if (this.#queue.holdsSample(sample)) {
      return refuse('bad-argument', `another stimulus is scheduled for sample ${sample} already`);
    }
    return undefined;
  }

  #checkSafety(pulses: readonly Pulse[], atTick: number, tick: number): Refusal | undefined {
    if (this.#ports.failsNow()) return refuse('device-fault', 'the stimulator does not answer');
    const broken = this.#safety!.check(pulses, atTick, tick);
    return broken === undefined ? undefined : { ...refuse('safety', broken.message), rule: broken.rule };
  }

  #drop(stimulus: { readonly stimulusId: number; readonly sample: number }, reason: DropReason, message: string): void {
    const { stimulusId, sample } = stimulus;
    this.#safety?.release(stimulusId);
    this.#ports.emit({ type: 'stimulus-dropped', stimulusId, atSample: sampleIndex(sample), reason, message });
  }
}

/** A named refusal. */
export function refuse(reason: RefusalReason, message: string): Refusal {
  return { type: 'refused', reason, message };
}
