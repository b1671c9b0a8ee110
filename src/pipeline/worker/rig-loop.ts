import { merge, Subject, tap, type Observable } from 'rxjs';
import type { AcquisitionEndResult } from '../../../drivers/mea-link/acquisition-end.js';
import type { DriverCounters } from '../../../drivers/mea-link/device-connection.js';
import type { DeviceEvent } from '../../../drivers/mea-link/device-event.js';
import { DEFAULT_DRIVER_OPTIONS } from '../../../drivers/mea-link/driver-options.js';
import type { Configured, DeviceConfiguration, RigDevice } from '../../../drivers/rig-device.js';
import { MeaError } from '../../../protocols/errors.js';
import type { Capabilities } from '../../../protocols/mea-link/messages.js';
import type { CheckedPattern } from '../../../protocols/stimulation/gate.js';
import type { StimPattern } from '../../../protocols/stimulation/stim-pattern.js';
import type { Timers } from '../../../protocols/timers.js';
import { sampleIndex } from '../../../protocols/units.js';
import { createLatencyRecorder, type LatencyFigures, type LatencyRecorder } from '../events/latency-recorder.js';
import type { PipelineEvent, StimulusScheduled } from '../events/pipeline-event.js';
import type { RigEvent } from '../events/rig-event.js';
import { decimate } from '../operators/decimate.js';
import { detectSpikes } from '../operators/detect-spikes.js';
import { judgeDeliveries } from '../operators/judge-deliveries.js';
import { noteDetected, noteReceived, noteSettled } from '../operators/note-latency.js';
import { shareEvents } from '../operators/share-events.js';
import { spikeRates } from '../operators/spike-rates.js';
import { trialResponses } from '../operators/trial-responses.js';
import { FireRule, type FireRuleCounters } from '../rules/fire-rule.js';
import { whenFire, type TriggerRequest } from '../rules/when-fire.js';
import type { SignalCounters } from '../signal-pipeline.js';
import { createSpikePipeline, type SpikePipeline } from '../spike-pipeline.js';
import type { TrialWindowCounters } from '../trials/trial-windows.js';
import { RigAccount, type StimulusOutcome, type StimulusWish } from './rig-account.js';
import type { RigLoopSettings, RigRule } from './rig-settings.js';

/** What a loop needs. */
export interface RigLoopOptions {
  /** Connected; the loop closes it. */
  readonly device: RigDevice;
  readonly timers: Timers;
  readonly settings: RigLoopSettings;
  /** Takes every event at once, in order, and copies what it wants to keep longer than the call. */
  readonly onEvent: (event: RigEvent) => void;
  /** The loop cannot go on. The device was asked to disarm; its answer, or that there was none, has been handed on. */
  readonly onFailure: (error: unknown) => void;
}

/** What a loop did so far. */
export interface RigSummary {
  readonly latency: LatencyFigures;
  /** Of the samples that were looked at, over all acquisitions. */
  readonly signal: SignalCounters;
  /** Undefined before the first result and the end of the stream. */
  readonly trials: TrialWindowCounters | undefined;
  /** By name of the rule; a rule that has not fired yet is not there. */
  readonly rules: Readonly<Record<string, FireRuleCounters>>;
  readonly driver: DriverCounters;
}

/**
 * From a device's events to spikes, trial results and stimuli, all in one thread: what a rule decides is given to the
 * link before anything else is done with the samples. It does not know in which thread it runs, and what it finds depends
 * on the device's events alone.
 */
export class RigLoop {
  readonly #options: RigLoopOptions;
  readonly #account: RigAccount;
  readonly #latency: LatencyRecorder;
  readonly #scheduled$ = new Subject<StimulusScheduled>();
  readonly #rules = new Map<string, FireRuleCounters>();
  readonly #patterns = new Map<string, CheckedPattern>();
  #trials: TrialWindowCounters | undefined;
  /** Of the acquisitions before the present one. */
  #signalBefore: SignalCounters = { samples: 0, gaps: 0, gapSamples: 0, rests: 0 };
  /** Of the present acquisition, for its snippets. */
  #pipeline: SpikePipeline | undefined;
  #isSetUp = false;
  /** False when what goes wrong has ended the stream that hands the device's events on. */
  #isHandingOn = true;
  /** What went wrong in the streams first. */
  #failure: { readonly reason: unknown } | undefined;

  /** @throws MeaError `bad-input` for settings that cannot be, or that this device does not meet */
  constructor(options: RigLoopOptions) {
    const { device, timers, settings, onEvent } = options;
    this.#options = options;
    assertRules(settings.rules ?? [], device.capabilities);
    // Settings that cannot be are refused before there is a sample.
    this.#createPipeline();
    this.#latency = createLatencyRecorder({ clock: timers, onRecord: onEvent });
    this.#account = new RigAccount({
      device,
      timers,
      armedForMs: settings.driver?.armedForMs ?? DEFAULT_DRIVER_OPTIONS.armedForMs,
      notes: this.#latency,
    });
    this.#subscribe();
  }

  get summary(): RigSummary {
    return {
      latency: this.#latency.figures,
      signal: this.#signal,
      trials: this.#trials,
      rules: Object.fromEntries(this.#rules),
      driver: this.#options.device.counters,
    };
  }

  get #signal(): SignalCounters {
    const now = this.#pipeline?.counters;
    return now === undefined ? this.#signalBefore : addCounters(this.#signalBefore, now);
  }

  /**
   * As the driver's; fills the rules' pattern slots besides.
   *
   * @throws MeaError `refused` also when the gate refuses a rule's pattern under these limits
   */
  async configure(configuration: DeviceConfiguration, signal?: AbortSignal): Promise<Configured> {
    const { device, settings } = this.#options;
    const rules = settings.rules ?? [];
    const patterns = rules.map(({ pattern }) => this.#account.check(pattern, configuration.safetyProfile));
    const configured = await device.configure(configuration, signal);
    this.#account.configured(configuration.safetyProfile);
    for (const [k, pattern] of patterns.entries()) {
      await device.upload(pattern, signal);
      this.#patterns.set(rules[k]!.name, pattern);
    }
    return configured;
  }

  start(signal?: AbortSignal): Promise<void> {
    this.#assertSound();
    return this.#options.device.start(signal);
  }

  stop(signal?: AbortSignal): Promise<AcquisitionEndResult> {
    return this.#options.device.stop(signal);
  }

  arm(request: Parameters<RigDevice['arm']>[0], signal?: AbortSignal): Promise<void> {
    this.#assertSound();
    return this.#options.device.arm(request, signal);
  }

  /**
   * Lets the gate check a pattern, and fills its slot with it ahead of its stimuli.
   *
   * @throws MeaError `refused` also for a pattern that the gate does not let pass, and for a slot that belongs to a rule
   */
  async upload(pattern: StimPattern, signal?: AbortSignal): Promise<void> {
    this.#assertSound();
    const rule = this.#options.settings.rules?.find((other) => other.pattern.slot === pattern.slot);
    if (rule !== undefined) {
      throw new MeaError('refused', {
        what: 'The pattern slot belongs to a rule',
        got: `slot ${pattern.slot}, of rule ${rule.name}`,
        wanted: 'a slot of no rule',
      });
    }
    await this.#options.device.upload(this.#account.checkAhead(pattern), signal);
  }

  /** Lets the gate check a stimulus, and sends it. What came of it is an event as well. */
  async schedule(wish: StimulusWish, signal?: AbortSignal): Promise<StimulusOutcome> {
    this.#assertSound();
    const outcome = await this.#account.stimulate(wish, signal);
    if (outcome.type === 'stimulus-scheduled') this.#scheduled$.next(outcome);
    this.#options.onEvent(outcome);
    return outcome;
  }

  /** Stimulation off, acquisition off, link off; never rejects. */
  async close(): Promise<void> {
    await this.#options.device.close();
    this.#latency.close();
  }

  // ---- the streams -----------------------------------------------------------------------------------------------------

  #subscribe(): void {
    const { device, settings } = this.#options;
    const { channels, sampleRateHz } = device.capabilities;
    const { traces, rates, blocks = true } = settings.streams ?? {};
    const recorder = this.#latency;
    const events$ = device.events$.pipe(
      tap((event) => {
        this.#account.onEvent(event);
      }),
      noteReceived<DeviceEvent>(recorder),
      detectSpikes({
        createPipeline: () => this.#createPipeline(),
        durationSamplesOf: ({ stimulusId }) => this.#account.lengthOf(stimulusId),
      }),
      noteDetected<PipelineEvent>(recorder),
      shareEvents(),
    );
    const streams: readonly Observable<RigEvent>[] = [
      // Before the trial's result, whatever the cut into blocks: doubts are told long before its window ends.
      ...this.#judge(events$),
      merge(events$, this.#scheduled$).pipe(
        trialResponses({
          ...settings.windows,
          electrodes: channels,
          sampleRateHz,
          onCounters: (counters) => {
            this.#trials = counters;
          },
        }),
        noteSettled(recorder),
      ),
      ...(rates === undefined
        ? []
        : [
            events$.pipe(
              spikeRates({
                electrodes: channels,
                intervalSamples: Math.round((rates.intervalMs * sampleRateHz) / 1000),
              }),
            ),
          ]),
      ...(traces === undefined ? [] : [events$.pipe(decimate(traces))]),
    ];
    const error = (reason: unknown): void => {
      this.#fail(reason);
    };
    // Rules first: what they decide leaves before anybody else looks at the spikes.
    for (const rule of settings.rules ?? []) this.#follow(rule, events$);
    events$.subscribe({
      next: (event) => {
        this.#handOn(event, blocks);
      },
      error: (reason: unknown) => {
        this.#isHandingOn = false;
        this.#fail(reason);
      },
      // Or the trial windows would never learn of the end, and keep what is open.
      complete: () => {
        this.#scheduled$.complete();
      },
    });
    for (const stream$ of streams) stream$.subscribe({ next: this.#options.onEvent, error });
    if (this.#failure !== undefined) throw toError(this.#failure.reason);
    this.#isSetUp = true;
  }

  #judge(events$: Observable<PipelineEvent>): readonly Observable<RigEvent>[] {
    const { device, settings } = this.#options;
    const { channels, sampleRateHz, gainUvPerBit } = device.capabilities;
    const { delivery, detector } = settings;
    if (delivery === undefined) return [];
    assertSame('channels', channels, delivery.positions.length);
    const durationSamplesOf = (stimulusId: number): number => this.#account.lengthOf(stimulusId);
    const excluded = detector?.excluded;
    return [events$.pipe(judgeDeliveries({ ...delivery, sampleRateHz, gainUvPerBit, excluded, durationSamplesOf }))];
  }

  #follow({ name, when, pattern, leadMs, maxUnanswered = 4 }: RigRule, events$: Observable<PipelineEvent>): void {
    const { sampleRateHz } = this.#options.device.capabilities;
    const leadSamples = Math.round((leadMs * sampleRateHz) / 1000);
    const onCounters = (counters: FireRuleCounters): void => {
      this.#rules.set(name, counters);
    };
    events$.pipe(whenFire({ ...when, sampleRateHz, onCounters }, { slot: pattern.slot })).subscribe({
      next: ({ number, cause }: TriggerRequest) => {
        const sample = sampleIndex(this.#account.nowSample + leadSamples);
        const origin = { type: 'rule', rule: name, number, cause } as const;
        const checked = this.#patterns.get(name) ?? pattern;
        this.schedule({ pattern: checked, at: { type: 'sample', sample }, origin, maxUnanswered }).catch(
          (error: unknown) => {
            this.#fail(error);
          },
        );
      },
      error: (error: unknown) => {
        this.#fail(error);
      },
    });
  }

  #handOn(event: PipelineEvent, blocks: boolean): void {
    if (event.type !== 'block' || blocks) this.#options.onEvent(event);
    if (event.type !== 'spikes') return;
    this.#handOnSnippets();
    this.#handOnLevels();
  }

  #handOnLevels(): void {
    const { onEvent, settings } = this.#options;
    const noise = settings.detector?.noise?.mode ?? 'adaptive';
    for (const { atSample, noiseUv, thresholdsUv } of this.#pipeline?.takeLevels() ?? []) {
      onEvent({
        type: 'detector-levels',
        atSample,
        noise,
        noiseUv: Array.from(noiseUv),
        thresholdsUv: Array.from(thresholdsUv, (value) => (Number.isFinite(value) ? value : null)),
      });
    }
  }

  #handOnSnippets(): void {
    const snippets = this.#pipeline?.takeSnippets();
    if (snippets !== undefined && snippets.samples.length + snippets.dropped > 0) {
      this.#options.onEvent({ type: 'snippets', batch: snippets });
    }
  }

  #createPipeline(): SpikePipeline {
    const { device, settings } = this.#options;
    const { detector = {} } = settings;
    const { channels, sampleRateHz, gainUvPerBit } = device.capabilities;
    assertSame('channels', channels, detector.channels);
    assertSame('sampleRateHz', sampleRateHz, detector.sampleRateHz);
    // What the last one still holds, where the next one comes before its last batch was handed on.
    this.#handOnSnippets();
    this.#signalBefore = this.#signal;
    this.#pipeline = createSpikePipeline({ ...detector, channels, sampleRateHz, gainUv: gainUvPerBit });
    return this.#pipeline;
  }

  /**
   * What goes wrong in the streams ends stimulation, once; the device's watchdog does so where this cannot. What the device
   * says of that is handed on before the failure is told.
   */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { reason: error };
    if (!this.#isSetUp) return;
    const { device, onEvent, onFailure } = this.#options;
    const words = device.events$.subscribe((event) => {
      if (!this.#isHandingOn && event.type !== 'block') onEvent(event);
    });
    device
      .abort()
      .catch(() => undefined)
      .finally(() => {
        words.unsubscribe();
        onFailure(error);
      });
  }

  #assertSound(): void {
    if (this.#failure === undefined) return;
    throw new MeaError('refused', {
      what: 'The loop has failed and does not go on',
      remedy: 'close it, see what went wrong, and begin anew',
    });
  }
}

function addCounters(a: SignalCounters, b: SignalCounters): SignalCounters {
  return {
    samples: a.samples + b.samples,
    gaps: a.gaps + b.gaps,
    gapSamples: a.gapSamples + b.gapSamples,
    rests: a.rests + b.rests,
  };
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new MeaError('internal', { what: String(reason) });
}

function assertRules(rules: readonly RigRule[], { sampleRateHz }: Capabilities): void {
  const bad = (what: string, got: string, wanted: string): MeaError =>
    new MeaError('bad-input', { what: `Bad ${what} of a rule`, got, wanted });
  const names = new Set<string>();
  const slots = new Set<number>();
  for (const { name, when, pattern, leadMs, maxUnanswered = 1 } of rules) {
    // It throws for what cannot be.
    new FireRule({ ...when, sampleRateHz });
    if (!(leadMs >= 0 && leadMs <= 10_000)) throw bad('leadMs', String(leadMs), '0 to 10000');
    if (!(maxUnanswered >= 1)) throw bad('maxUnanswered', String(maxUnanswered), 'at least 1');
    if (names.has(name)) throw bad('name', name, 'another name than every other rule');
    if (slots.has(pattern.slot)) throw bad('slot', String(pattern.slot), 'another slot than every other rule');
    names.add(name);
    slots.add(pattern.slot);
  }
}

function assertSame(what: string, got: number, wanted: number | undefined): void {
  if (wanted === undefined || wanted === got) return;
  throw new MeaError('bad-input', {
    what: `The device has other ${what} than the detector was set up for`,
    got: String(got),
    wanted: String(wanted),
    remedy: 'set the detector up for this device, or connect the device that was meant',
  });
}
