import type { ArmRequest } from '../../../drivers/mea-link/stimulation-control.js';
import { MeaError } from '../../../protocols/errors.js';
import type { SafetyProfile } from '../../../protocols/stimulation/safety-profile.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import type {
  BootedSource,
  Delivery,
  DetectingSource,
  DetectorLevels,
  Rearming,
  RearmingSource,
  StageLatencies,
  TrialRequest,
  TrialResponse,
  TrialSourceDescription,
} from '../../../protocols/trial.js';
import {
  microamps,
  sampleIndex,
  type Microamps,
  type Microseconds,
  type Milliseconds,
  type SampleIndex,
  type Seconds,
} from '../../../protocols/units.js';
import type { RigEvent, RigStimulusRefused } from '../../pipeline/events/rig-event.js';
import { DoubtBook } from '../../pipeline/trials/doubt-book.js';
import { toTrialResponse, type WindowedResponse } from '../../pipeline/trials/windowed-response.js';
import { PatternSlots } from './pattern-slots.js';
import type { SignalRig, VirtualTiming } from './signal-rig.js';
import { TripBook } from './trip-book.js';

/** A balanced pulse of two phases, the negative one first. */
export interface TrialPulse {
  readonly amplitudeUa: Microamps;
  readonly phaseWidthUs: Microseconds;
}

/** How trials are carried out on a rig. */
export interface SignalSourceOptions {
  /** Recording-electrode index of each input. */
  readonly stimulatedElectrodes: readonly number[];
  readonly pulse: TrialPulse;
  readonly responseWindowMs: readonly [first: Milliseconds, end: Milliseconds];
  readonly trialPeriodMs: Milliseconds;
  /** So far from its sample a stimulus may leave; absent where a device delivers at the sample or refuses. */
  readonly toleranceMs?: Milliseconds | undefined;
  readonly safetyProfile: SafetyProfile;
  readonly blockFrames: number;
  /** From the start of an acquisition to the first trial: the noise of every electrode is known by then. */
  readonly settleMs: Milliseconds;
  /** The emergency stop: when it is aborted stimulation ends at once, and everything that waits is rejected with its reason. */
  readonly stop?: AbortSignal | undefined;
  /** How often a person allows the device to be armed again after a trip of the host; 0 by default. */
  readonly rearms?: number | undefined;
}

/** A stimulus is given to the device so long before it is due; a device may be armed for less than a second ahead. */
const LEAD_MS = 200;
/** A device that works ahead stays so long before the next stimulus, within two steps, until it has heard of it. */
const HEARD_MS = 120;
/** From the end of a rest to the first trial: filters swing in, and the baseline window is seen. */
const AFTER_REST_MS = 500;
/** The next pattern is uploaded while the last still waits. */
const MIN_SLOTS = 2;
/** A pattern is uploaded ahead where there is so much time for it. */
const UPLOAD_MS = 50;
/** A stimulus is given to the device so long before it is due at least; where there is less time its trial comes later. */
const LEAST_LEAD_MS = 100;
/** A device whose heartbeats have ended disarms well within this time. */
const DISARM_MS = 5000;
/** Responses that nobody waits for yet: trials come one after the other, more are of stimuli of somebody else. */
const MAX_EARLY = 16;

/**
 * Configures, starts and arms a rig, and makes a source of trials of it: each stimulus is scheduled on the device's
 * clock, counts come from its samples. Arming is what the caller's person asked for; nothing arms again, but after a trip of the
 * host and as often as that person has allowed (`rearms`). `stop` is the way to end
 * stimulation at once: it waits for nothing that was asked of the source, goes to the device ahead of all commands, and is final.
 *
 * @throws MeaError as the rig; `bad-input` for a rig without a stimulator, with too few pattern slots, or with electrodes
 * that it cannot pulse. Its `run` throws `refused` for a stimulus that the gate does not let pass, `link` when the device is no longer the armed one
 */
export async function openSignalSource(
  rig: SignalRig,
  options: SignalSourceOptions,
): Promise<BootedSource & DetectingSource & RearmingSource> {
  assertElectrodes(rig, options);
  const { blockFrames, safetyProfile } = options;
  const source = new SignalSource(rig, options);
  const { profileHash } = await rig.configure({ blockFrames, safetyProfile });
  await rig.start();
  source.assertSound();
  await source.arm({ serialNumber: rig.capabilities.serialNumber, profileHash });
  await source.untilBegun();
  return source;
}

/** A trial to come, and its pattern as text. */
interface ComingTrial extends TrialRequest {
  readonly pattern: string;
}

interface PreloadEnd {
  /** Sample of the stimulus that must not be late for it. */
  readonly before: number;
  readonly signal: AbortSignal;
}

/** Trials on a rig, one after the other. A class because responses come while nobody has asked for them yet. */
class SignalSource implements BootedSource, DetectingSource, RearmingSource {
  readonly description: TrialSourceDescription;
  /** There where the rig takes host times. */
  readonly stageLatencies: (() => Promise<StageLatencies>) | undefined;
  readonly #rig: SignalRig;
  readonly #options: SignalSourceOptions;
  readonly #slots: PatternSlots;
  /** (stimulus id) who waits for its response. */
  readonly #responses = new Map<number, (response: WindowedResponse) => void>();
  /** (stimulus id) responses that came before anybody waited: from a worker one may overtake the answer to `schedule`. */
  readonly #early = new Map<number, WindowedResponse>();
  /** Who waits for anything, to be told of a failure. */
  readonly #fails = new Set<(error: Error) => void>();
  /** The earliest sample of a next trial; NaN before the device has said where it begins. */
  #next = Number.NaN;
  /** The newest sample of the device. */
  #now = 0;
  #rests = 0;
  /** (stimulus id) what the electrodes showed otherwise than the device told, since the last trial. */
  readonly #doubts = new DoubtBook(MAX_EARLY);
  /** Called when the device has got further. */
  #onMove: (() => void) | undefined;
  #failure: Error | undefined;
  #closed: Promise<void> | undefined;
  /** As a person allowed it; undefined before it was armed. */
  #armRequest: ArmRequest | undefined;
  readonly #trips: TripBook;
  /** The newest two: of these, the newer may be of samples after the last response. */
  #newLevels: DetectorLevels | undefined;
  #oldLevels: DetectorLevels | undefined;
  /** As of the last response. */
  #levels: DetectorLevels | undefined;

  readonly #onStop = (): void => {
    // First of all; what comes of it the device tells, and without heartbeats it disarms anyhow.
    this.#rig.abort().catch(() => undefined);
    this.#fail(toError(this.#options.stop?.reason));
  };

  constructor(rig: SignalRig, options: SignalSourceOptions) {
    const { device, firmware, channels, sampleRateHz, emulated } = rig.capabilities;
    this.#rig = rig;
    this.#options = options;
    this.#slots = new PatternSlots(freeSlots(rig));
    this.#trips = new TripBook(options.rearms ?? 0);
    this.description = {
      provenance: emulated ? 'emulated' : 'real',
      device: `${device} ${firmware}`,
      electrodes: channels,
      stimulatedElectrodes: [...options.stimulatedElectrodes],
      sampleRateHz,
      responseWindowMs: options.responseWindowMs,
      ...(options.toleranceMs !== undefined && {
        toleranceSamples: Math.round((options.toleranceMs * sampleRateHz) / 1000),
      }),
    };
    this.stageLatencies = rig.stageLatencies === undefined ? undefined : () => rig.stageLatencies!();
    rig.events$.subscribe({
      next: (event) => {
        this.#onEvent(event);
      },
      error: (error: unknown) => {
        this.#fail(error instanceof Error ? error : new MeaError('internal', { what: String(error) }));
      },
      complete: () => {
        this.#fail(new MeaError('link', { what: 'The rig has said its last' }));
      },
    });
    options.stop?.addEventListener('abort', this.#onStop);
    if (options.stop?.aborted === true) this.#onStop();
  }

  nextSample(): SampleIndex {
    // A device's time goes on while the session ends and the next one is prepared.
    const soonest = this.#now + this.#samplesOf(LEAD_MS);
    return sampleIndex(Number.isNaN(this.#next) ? this.#next : Math.max(this.#next, soonest));
  }

  bootId(): number | undefined {
    return this.#rig.bootId;
  }

  detectorLevels(): DetectorLevels | undefined {
    return this.#levels;
  }

  async *run(requests: readonly TrialRequest[], signal: AbortSignal): AsyncGenerator<TrialResponse, void, undefined> {
    this.#assertRequests(requests);
    const coming = requests.map((request) => ({ ...request, pattern: request.inputs.join('') }));
    const [first] = coming;
    if (first !== undefined) await this.#preload(coming, { before: first.atSample, signal });
    for (const index of coming.keys()) {
      signal.throwIfAborted();
      const response = await this.#carryOut(coming.slice(index), signal);
      // There was a trip, and the trial must come later than planned.
      if (response === undefined) return;
      yield response;
    }
  }

  async rest(duration: Seconds): Promise<void> {
    await this.#until(this.#next);
    const samples = Math.round(duration * this.description.sampleRateHz);
    if (samples === 0) return;
    const rests = this.#rests;
    // What is fired as soon as it is triggered has a clock that nobody moves on.
    const jumps = this.#rig.capabilities.stimulation?.scheduling === 'at-sample';
    if (this.description.provenance === 'emulated' && jumps) await this.#rig.rest(samples);
    else {
      // A living culture rests as long as it takes; the device's own rest of a sample then begins a session.
      await this.#until(this.#next + samples);
      await this.#rig.rest(1);
    }
    // The answer may come before the word of it.
    await this.#untilTrue(() => this.#rests > rests);
    this.assertSound();
  }

  /** By a person's word. */
  async arm(request: ArmRequest): Promise<void> {
    await this.#rig.arm(request);
    this.#armRequest = request;
  }

  takeRearmings(): readonly Rearming[] {
    return this.#trips.take();
  }

  /** @throws what has ended it already */
  assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when the device has said where its samples begin. */
  untilBegun(): Promise<void> {
    return this.#untilTrue(() => !Number.isNaN(this.#next));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#options.stop?.removeEventListener('abort', this.#onStop);
    await this.#rig.close();
  }

  /** Carries out the first of the trials to come; undefined where it cannot be any more when it should. */
  async #carryOut(coming: readonly ComingTrial[], signal: AbortSignal): Promise<TrialResponse | undefined> {
    const { session, trial, inputs, atSample } = coming[0]!;
    const where = `session ${session}, trial ${trial}`;
    await this.#untilTrial(atSample, signal);
    if (this.#trips.trip !== undefined) {
      await this.#armAgain(signal);
      if (this.#now > atSample - this.#samplesOf(LEAST_LEAD_MS)) return undefined;
    }
    const next = atSample + this.#samplesOf(this.#options.trialPeriodMs);
    const following = Math.min(next, coming[1]?.atSample ?? next);
    // A pattern that the device does not hold is uploaded first, and only then the stimulus is given to it.
    const isHeld = this.#slots.isLoaded(coming[0]!.pattern);
    const outcome = await this.#rig.schedule(
      {
        pattern: this.#patternOf(coming[0]!, this.#fitting(coming)),
        at: { type: 'sample', sample: atSample },
        label: where,
      },
      undefined,
      this.#inTimeFor(isHeld ? following : atSample),
    );
    this.#next = next;
    // Why it is no longer armed, rather than that it is not.
    this.assertSound();
    if (outcome.type === 'stimulus-refused') return this.#describeRefusal(outcome, { session, trial, atSample });
    this.#slots.noteLoaded(coming[0]!.pattern);
    // Now, and not when the response has come: there is more time.
    await this.#preload(coming, { before: following, signal });
    const response = await this.#pass(this.#responseTo(outcome.stimulusId, signal), this.#inTimeFor(following));
    this.#assertPulsed(response, { inputs, where });
    const doubt = this.#doubts.of(outcome.stimulusId);
    this.#doubts.clear();
    return { ...toTrialResponse(response, { session, trial }), ...(doubt !== undefined && { doubt }) };
  }

  /** @throws MeaError `link` when the device says that it pulsed other electrodes than it was asked to */
  #assertPulsed(
    { delivery, pulsedElectrodes, stimulusId }: WindowedResponse,
    { inputs, where }: { readonly inputs: Uint8Array; readonly where: string },
  ): void {
    if (delivery !== 'delivered' && delivery !== 'late') return;
    const wanted = this.#electrodesOf(inputs);
    if (wanted.length === pulsedElectrodes.length && wanted.every((e, i) => e === pulsedElectrodes[i])) return;
    throw new MeaError('link', {
      what: 'The device pulsed other electrodes than it was asked to; the trial does not count',
      got: pulsedElectrodes.join(', '),
      wanted: wanted.join(', '),
      where: `${where}, stimulus ${stimulusId}`,
      remedy: 'stop, and see to the device: what it delivers is not what it is told',
    });
  }

  #electrodesOf(inputs: Uint8Array): number[] {
    return this.#options.stimulatedElectrodes.filter((_, input) => inputs[input] === 1).sort((a, b) => a - b);
  }

  /**
   * A trial whose stimulus the device did not take: never data, and its counts say nothing. What the gate refuses it
   * would refuse again.
   */
  #describeRefusal(
    { by, reason, message }: RigStimulusRefused,
    { session, trial, atSample }: Pick<TrialRequest, 'session' | 'trial' | 'atSample'>,
  ): TrialResponse {
    // A trip in this very moment: the trial is lost, and comes again.
    if (by === 'gate' && reason === 'armed' && this.#trips.trip === undefined) {
      throw new MeaError('link', {
        what: 'The rig is not armed for the stimulus of a trial',
        got: message,
        where: `session ${session}, trial ${trial}`,
        remedy: 'see why it disarmed, then begin anew: nothing arms again by itself',
      });
    }
    if (by === 'gate' && reason !== 'armed') {
      throw new MeaError('refused', {
        what: 'The safety gate refuses the stimulus of a trial',
        got: message,
        where: `session ${session}, trial ${trial}`,
        remedy: 'change the pulse or the experiment; the limits are those of the array',
      });
    }
    const [first, end] = this.#options.responseWindowMs;
    // Of a command that failed on its way nobody knows whether it left.
    const known: Delivery = reason === 'late' ? 'late' : 'refused';
    const delivery = by === 'driver' ? 'missing' : known;
    return {
      session,
      trial,
      delivery,
      deliveredSample: atSample,
      window: [sampleIndex(atSample + this.#samplesOf(first)), sampleIndex(atSample + this.#samplesOf(end))],
      counts: new Uint16Array(this.description.electrodes),
      blindFraction: new Float32Array(this.description.electrodes).fill(1),
    };
  }

  /**
   * Fills slots with the patterns of trials to come, as long as there is time before a stimulus. What goes wrong with a pattern
   * its trial will say.
   */
  async #preload(coming: readonly ComingTrial[], { before, signal }: PreloadEnd): Promise<void> {
    const until = before - this.#samplesOf(LEAD_MS);
    const kept = this.#fitting(coming);
    for (const trial of coming) {
      const { pattern } = trial;
      if (!kept.has(pattern) || this.#slots.isLoaded(pattern)) continue;
      if (signal.aborted || this.#failure !== undefined || this.#now + this.#samplesOf(UPLOAD_MS) > until) return;
      try {
        await this.#rig.upload(this.#patternOf(trial, kept), undefined, this.#inTimeFor(before));
      } catch {
        return;
      }
      this.#slots.noteLoaded(pattern);
    }
  }

  #fitting(coming: readonly ComingTrial[]): ReadonlySet<string> {
    return this.#slots.fitting(coming.map(({ pattern }) => pattern));
  }

  #patternOf({ inputs, pattern }: ComingTrial, kept: ReadonlySet<string>): StimPattern {
    const { pulse } = this.#options;
    const { amplitudeUa, phaseWidthUs } = pulse;
    const negative = { currentUa: microamps(-1 * amplitudeUa), durationUs: phaseWidthUs };
    const positive = { currentUa: amplitudeUa, durationUs: phaseWidthUs };
    const electrodes = this.#electrodesOf(inputs);
    const slot = this.#slots.use(pattern, kept);
    return { slot, pulses: electrodes.map((electrode) => ({ electrode, phases: [negative, positive] })) };
  }

  #responseTo(stimulusId: number, signal: AbortSignal): Promise<WindowedResponse> {
    return this.#wait(signal, (resolve) => {
      const early = this.#early.get(stimulusId);
      if (early === undefined) this.#responses.set(stimulusId, resolve);
      else
        queueMicrotask(() => {
          resolve(early);
        });
      this.#early.clear();
      return () => this.#responses.delete(stimulusId);
    });
  }

  #takeResponse(response: WindowedResponse): void {
    const [first] = response.usedSamples;
    this.#levels = [this.#newLevels, this.#oldLevels].find(
      (levels) => levels !== undefined && levels.atSample <= first,
    );
    const resolve = this.#responses.get(response.stimulusId);
    if (resolve !== undefined) {
      resolve(response);
      return;
    }
    this.#early.set(response.stimulusId, response);
    if (this.#early.size > MAX_EARLY) this.#early.delete(this.#early.keys().next().value!);
  }

  /** Resolves when the device has got to a sample; it is not ahead then. */
  #until(sample: number): Promise<void> {
    return this.#untilTrue(() => this.#now >= sample, { aheadUntil: sampleIndex(sample) });
  }

  /** Resolves when the stimulus of a trial is to be given to the device. */
  #untilTrial(atSample: number, signal: AbortSignal): Promise<void> {
    const sample = atSample - this.#samplesOf(LEAD_MS);
    // To be armed again takes its time, too.
    const timing = this.#trips.trip === undefined ? this.#inTimeFor(atSample) : {};
    return this.#untilTrue(() => this.#now >= sample, { signal, ...timing });
  }

  /** A device that works ahead hears of a stimulus for that sample in time. */
  #inTimeFor(atSample: number): VirtualTiming {
    return { aheadUntil: sampleIndex(atSample - this.#samplesOf(HEARD_MS)) };
  }

  /** Resolves when something is true of how far the device has got; one caller at a time. */
  async #untilTrue(
    isTrue: () => boolean,
    { signal, ...timing }: { readonly signal?: AbortSignal | undefined } & VirtualTiming = {},
  ): Promise<void> {
    if (isTrue()) return;
    const there = this.#wait<true>(signal, (resolve) => {
      this.#onMove = () => {
        if (isTrue()) resolve(true);
      };
      return () => (this.#onMove = undefined);
    });
    await this.#pass(there, timing);
  }

  #pass<T>(promise: Promise<T>, timing: VirtualTiming): Promise<T> {
    return this.#rig.passTime?.(promise, timing) ?? promise;
  }

  /** A promise that the rig's failure and the signal reject; `begin` gives what is to be done when it is settled. */
  #wait<T>(signal: AbortSignal | undefined, begin: (resolve: (value: T) => void) => () => unknown): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const end = begin((value) => {
        finish();
        resolve(value);
      });
      const fail = (error: Error): void => {
        finish();
        reject(error);
      };
      const onAbort = (): void => {
        fail(toError(signal?.reason));
      };
      const finish = (): void => {
        this.#fails.delete(fail);
        signal?.removeEventListener('abort', onAbort);
        end();
      };
      this.#fails.add(fail);
      signal?.addEventListener('abort', onAbort);
      if (this.#failure !== undefined) fail(this.#failure);
      else if (signal?.aborted === true) onAbort();
    });
  }

  #onEvent(event: RigEvent): void {
    this.#rig.reportProgress();
    const { type } = event;
    // Not by blocks: whether they are handed on, to be recorded, must change nothing.
    if (type === 'spikes') this.#moveTo(Math.max(this.#now, event.batch.to));
    else if (type === 'stream-started') this.#beginAt(event.firstSample, this.#options.settleMs);
    else if (type === 'rested') {
      this.#rests += 1;
      this.#beginAt(event.toSample, AFTER_REST_MS);
    } else if (type === 'windowed-response') this.#takeResponse(event);
    else if (type === 'detector-levels') this.#takeLevels(event);
    else if (type === 'delivery-doubted' || type === 'stimulus-delivered') this.#doubts.note(event);
    else this.#followTrouble(event);
  }

  #takeLevels({ atSample, noise, noiseUv, thresholdsUv }: DetectorLevels): void {
    this.#oldLevels = this.#newLevels;
    this.#newLevels = { atSample, noise, noiseUv, thresholdsUv };
  }

  #moveTo(sample: number): void {
    this.#now = sample;
    this.#onMove?.();
  }

  #beginAt(sample: number, pauseMs: number): void {
    this.#next = sample + this.#samplesOf(pauseMs);
    this.#moveTo(sample);
  }

  /** After a trip of the host, as a person has allowed. */
  async #armAgain(signal: AbortSignal): Promise<void> {
    const latest = this.#now + this.#samplesOf(DISARM_MS);
    // A device that is armed cannot be armed.
    await this.#untilTrue(() => this.#trips.trip?.isOff === true || this.#now > latest, { signal });
    this.assertSound();
    const { trip } = this.#trips;
    if (trip?.isOff !== true || this.#armRequest === undefined) {
      throw new MeaError('link', {
        what: 'The device did not disarm after a stall of the host',
        got: `${DISARM_MS} ms`,
      });
    }
    const tell = this.#trips.close(trip);
    await this.#rig.arm(this.#armRequest);
    this.assertSound();
    tell();
  }

  /** What the device says that ends an experiment: nothing arms again by itself. */
  #followTrouble(event: RigEvent): void {
    if (this.#armRequest !== undefined && this.#trips.forgives(event, this.#now)) return;
    const ended = (got: string): MeaError =>
      new MeaError('link', {
        what: 'The rig is no longer the one that was armed',
        got,
        remedy: 'see to the rig, then begin anew',
      });
    if (event.type === 'device-restarted') this.#fail(ended(`another boot of the device (${event.bootId})`));
    if (event.type === 'link-failed') this.#fail(ended(event.message));
    if (event.type === 'armed-changed' && !event.armed && this.#closed === undefined) {
      this.#fail(ended(`disarmed at sample ${event.atSample}: ${event.cause}`));
    }
    if (event.type === 'main-stalled') this.#fail(ended(`a stall of ${event.stalledMs.toFixed(0)} ms`));
    if (event.type === 'stream-ended') this.#fail(ended('the end of its acquisition'));
    if (event.type === 'overrun' && event.trials > 0) {
      this.#fail(
        new MeaError('deadline', {
          what: 'Responses of trials were lost on their way from the worker',
          got: `${event.trials} lost, samples ${event.fromSample} to ${event.toSample}`,
          remedy: 'keep the main thread free, or let the worker hold more (maxBacklogBytes)',
        }),
      );
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const fail of [...this.#fails]) fail(this.#failure);
  }

  #samplesOf(ms: number): number {
    return Math.round((ms * this.description.sampleRateHz) / 1000);
  }

  #assertRequests(requests: readonly TrialRequest[]): void {
    let least = this.#next;
    for (const { session, trial, inputs, atSample } of requests) {
      const where = `session ${session}, trial ${trial}`;
      const wanted = this.#options.stimulatedElectrodes.length;
      if (inputs.length !== wanted) {
        throw badRequest('another number of inputs than the rig', [inputs.length, wanted], where);
      }
      if (!(Number.isSafeInteger(atSample) && atSample >= least)) {
        throw badRequest('a sample that comes too early', [atSample, `${least} or later`], where);
      }
      least = atSample + this.#samplesOf(LEAD_MS);
    }
  }
}

/** Slots of the device that belong to no rule. */
function freeSlots({ capabilities, ruleSlots }: SignalRig): readonly number[] {
  const { slots = 0 } = capabilities.stimulation ?? {};
  return Array.from({ length: slots }, (_, slot) => slot).filter((slot) => !ruleSlots.includes(slot));
}

function assertElectrodes(rig: SignalRig, { stimulatedElectrodes }: SignalSourceOptions): void {
  const { capabilities } = rig;
  const { stimulation, channels } = capabilities;
  if (stimulation === null || channels === 0) {
    throw new MeaError('bad-input', {
      what: 'Trials need a device that stimulates and records',
      got: `${channels} channels, ${stimulation === null ? 'no stimulator' : 'a stimulator'}`,
      where: `device ${capabilities.device}`,
    });
  }
  const slots = freeSlots(rig).length;
  if (slots < MIN_SLOTS) {
    throw new MeaError('bad-input', {
      what: 'Trials need a device that keeps one pattern while the next is uploaded',
      got: `${slots} pattern slots that belong to no rule`,
      wanted: `at least ${MIN_SLOTS}`,
      where: `device ${capabilities.device}`,
      remedy: 'take a device with more pattern slots',
    });
  }
  const unable = stimulatedElectrodes.filter((electrode) => !stimulation.electrodes.includes(electrode));
  if (unable.length === 0) return;
  throw new MeaError('bad-input', {
    what: 'The device cannot pulse electrodes of the rig file',
    got: unable.join(', '),
    wanted: stimulation.electrodes.join(', '),
    where: `device ${capabilities.device}`,
    remedy: 'change `stimulated` in the rig file',
  });
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new MeaError('internal', { what: String(reason) });
}

function badRequest(what: string, [got, wanted]: readonly [unknown, unknown], where: string): MeaError {
  return new MeaError('bad-input', { what: `A trial has ${what}`, got: String(got), wanted: String(wanted), where });
}
