import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import type { RigDevice } from '../../../drivers/rig-device.js';
import { isMeaError, MeaError } from '../../../protocols/errors.js';
import type { Refusal, StimulationCapabilities } from '../../../protocols/mea-link/messages.js';
import {
  confirmDelivery,
  createStimHistory,
  startSession,
  withdraw,
} from '../../../protocols/stimulation/gate-history.js';
import { checkPattern, checkStimulus, type CheckedPattern } from '../../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import type { SafetyRefusal } from '../../../protocols/stimulation/safety-rule.js';
import type { StimPattern, StimTime } from '../../../protocols/stimulation/stim-pattern.js';
import type { Timers } from '../../../protocols/timers.js';
import type { RigStimulusRefused, RigStimulusScheduled, StimulusOrigin } from '../events/rig-event.js';

/** A stimulus that somebody wants. */
export interface StimulusWish {
  readonly pattern: StimPattern;
  readonly at: StimTime;
  readonly origin: StimulusOrigin;
  /** Refused at once when so many or more wait for their answers; no limit but the driver's by default. */
  readonly maxUnanswered?: number;
}

/** What came of a wish. */
export type StimulusOutcome = RigStimulusScheduled | RigStimulusRefused;

/** What an account needs. */
export interface RigAccountOptions {
  readonly device: RigDevice;
  readonly timers: Timers;
  /** For how long one heartbeat keeps the device armed: no stimulus is due later. */
  readonly armedForMs: number;
  /** Host times of a stimulus. */
  readonly notes: {
    decided(stimulusId: number): void;
    sent(stimulusId: number): void;
    dropped(stimulusId: number): void;
    acknowledged(stimulusId: number): void;
  };
}

/** Stimuli whose length is remembered until the device says what became of them. */
const MAX_LENGTHS = 4096;

/**
 * The one way to a stimulus: gate, account, driver, in this order, whoever wants it. Ids rise; the account follows what
 * the device says. A class because the account is the device's history, and must not be lost.
 */
export class RigAccount {
  readonly #options: RigAccountOptions;
  readonly #stimulation: StimulationCapabilities | null;
  readonly #sampleRateHz: number;
  readonly #armedForSamples: number;
  #history = createStimHistory();
  #profile: SafetyProfile | undefined;
  #configuredMs = 0;
  #newestId: number;
  #nowSample = 0;
  /** The device has booted anew since it was configured. */
  #isOver = false;
  #unanswered = 0;
  /** (stimulus id) length of its pulses in samples. */
  readonly #lengths = new Map<number, number>();

  constructor(options: RigAccountOptions) {
    const { device, armedForMs } = options;
    const { stimulation, sampleRateHz } = device.capabilities;
    this.#options = options;
    this.#stimulation = stimulation;
    this.#sampleRateHz = sampleRateHz;
    this.#armedForSamples = Math.round((armedForMs * sampleRateHz) / 1000);
    this.#newestId = device.newestStimulusId;
  }

  /** The next sample of the device, as far as is known. */
  get nowSample(): number {
    return this.#nowSample;
  }

  get #profileAgeS(): number {
    return (this.#options.timers.nowMs() - this.#configuredMs) / 1000;
  }

  /** Length of a stimulus's pulses in samples, rounded up; 0 for an empty pattern, and for a stimulus of nobody here. */
  lengthOf(stimulusId: number): number {
    return this.#lengths.get(stimulusId) ?? 0;
  }

  /** The device holds these limits from now on. After a boot the account begins anew: the device's has, too. */
  configured(profile: SafetyProfile): void {
    this.#profile = profile;
    this.#configuredMs = this.#options.timers.nowMs();
    if (!this.#isOver) return;
    this.#isOver = false;
    this.#history = createStimHistory();
    this.#nowSample = 0;
  }

  /**
   * A pattern that the gate lets pass under limits, checked once for all its deliveries.
   *
   * @throws MeaError `refused` with every broken rule
   */
  check(pattern: StimPattern, profile: SafetyProfile, profileAgeS = 0): CheckedPattern {
    const capabilities = this.#stimulation;
    if (capabilities === null) throw new MeaError('refused', { what: 'The device has no stimulator' });
    const verdict = checkPattern(pattern, { profile, capabilities, sampleRateHz: this.#sampleRateHz, profileAgeS });
    if (verdict.type === 'accepted') return verdict.pattern;
    throw new MeaError('refused', {
      what: 'The safety gate refuses a pattern',
      got: describeRefusals(verdict.refusals),
      where: `slot ${pattern.slot}`,
    });
  }

  /**
   * The same under the limits that the device holds.
   *
   * @throws MeaError `refused` also before it holds any
   */
  checkAhead(pattern: StimPattern): CheckedPattern {
    if (this.#profile === undefined || this.#isOver) {
      throw new MeaError('refused', { what: 'The device holds no limits', remedy: 'configure it first' });
    }
    return this.check(pattern, this.#profile, this.#profileAgeS);
  }

  /** Follows the device; before anybody wishes for something because of the event. */
  onEvent(event: DeviceEvent): void {
    const { type } = event;
    if (type === 'block') this.#nowSample = event.firstSample + event.frames;
    else if (type === 'stimulus-delivered') this.#history = confirmDelivery(this.#history, event);
    else if (type === 'stimulus-dropped') this.#history = withdraw(this.#history, event.stimulusId);
    else if (type === 'rested') {
      this.#history = startSession(this.#history);
      this.#nowSample = event.toSample;
    } else if (type === 'device-restarted') this.#isOver = true;
  }

  /** Gate, then driver: the command has been given to the link when this returns its promise, if nothing waits there. */
  async stimulate(
    { pattern, at, origin, maxUnanswered = Infinity }: StimulusWish,
    signal?: AbortSignal,
  ): Promise<StimulusOutcome> {
    const { device, notes } = this.#options;
    const capabilities = this.#stimulation;
    const profile = this.#profile;
    const { slot } = pattern;
    const refused = (reason: string, message: string): RigStimulusRefused => {
      return { type: 'stimulus-refused', stimulusId: null, slot, origin, by: 'gate', reason, message };
    };
    if (capabilities === null) return refused('unsupported', 'the device has no stimulator');
    if (profile === undefined || this.#isOver) return refused('not-configured', 'configure the device first');
    if (this.#unanswered >= maxUnanswered) {
      return { ...refused('busy', `${this.#unanswered} stimuli have no answer yet: it would come late`), by: 'driver' };
    }
    const stimulusId = this.#newestId + 1;
    notes.decided(stimulusId);
    const nowSample = this.#nowSample;
    const verdict = checkStimulus(
      { stimulusId, pattern, at },
      {
        profile,
        capabilities,
        sampleRateHz: this.#sampleRateHz,
        profileAgeS: this.#profileAgeS,
        nowSample,
        arming: { armed: device.isArmed, untilSample: nowSample + this.#armedForSamples },
        history: this.#history,
      },
    );
    if (verdict.type === 'refused') {
      notes.dropped(stimulusId);
      return refused(verdict.refusals[0]!.rule, describeRefusals(verdict.refusals));
    }
    this.#newestId = stimulusId;
    this.#history = verdict.history;
    this.#remember(stimulusId, verdict.command.pattern);
    this.#unanswered += 1;
    const answered = device.stimulate(verdict.command, signal);
    notes.sent(stimulusId);
    const said = { stimulusId, slot, origin };
    try {
      const answer = await answered;
      notes.acknowledged(stimulusId);
      if (answer.type === 'scheduled') {
        const shape = shapeOf(verdict.command.pattern, this.lengthOf(stimulusId));
        return { type: 'stimulus-scheduled', sample: answer.sample, ...shape, ...said };
      }
      if (answer.reason !== 'not-armed' || device.isArmed) return this.#onRefusal(answer, said);
      // The driver's own word: the arming ended while the command was under way. It may have been taken before that; if the
      // device dropped it, its `stimulus-dropped` takes it out of the account.
      return { type: 'stimulus-refused', by: 'driver', reason: answer.reason, message: answer.message, ...said };
    } catch (error) {
      notes.acknowledged(stimulusId);
      // Nobody knows whether it leaves: it stays in the account.
      const reason = isMeaError(error) ? error.tag : 'internal';
      return { type: 'stimulus-refused', by: 'driver', reason, message: String(error), ...said };
    } finally {
      this.#unanswered -= 1;
    }
  }

  #onRefusal(
    { reason, rule, message }: Refusal,
    said: Pick<RigStimulusRefused, 'slot' | 'origin'> & { readonly stimulusId: number },
  ): RigStimulusRefused {
    this.#history = withdraw(this.#history, said.stimulusId);
    this.#lengths.delete(said.stimulusId);
    return { type: 'stimulus-refused', by: 'device', reason: rule ?? reason, message, ...said };
  }

  #remember(stimulusId: number, { pulses }: StimPattern): void {
    const lengths = pulses.map(({ phases }) => phases.reduce((sum, { durationUs }) => sum + durationUs, 0));
    this.#lengths.set(stimulusId, Math.ceil((Math.max(0, ...lengths) * this.#sampleRateHz) / 1e6));
    // A map keeps the order of its making.
    if (this.#lengths.size > MAX_LENGTHS) this.#lengths.delete(this.#lengths.keys().next().value!);
  }
}

/** What a record of a stimulus says of its pulses. */
function shapeOf(
  { pulses }: StimPattern,
  durationSamples: number,
): Pick<RigStimulusScheduled, 'durationSamples' | 'electrodes' | 'amplitudeUa' | 'phaseWidthUs'> {
  const phase = pulses[0]?.phases[0];
  return {
    durationSamples,
    electrodes: pulses.map(({ electrode }) => electrode),
    ...(phase !== undefined && { amplitudeUa: phase.currentUa, phaseWidthUs: phase.durationUs }),
  };
}

/** All refusals of the gate in one sentence. */
function describeRefusals(refusals: readonly SafetyRefusal[]): string {
  return refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; ');
}
