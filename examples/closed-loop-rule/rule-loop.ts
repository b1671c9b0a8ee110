import { merge, Subject } from 'rxjs';
import type { DeviceEvent } from '../../drivers/mea-link/device-event.js';
import type { RigDevice } from '../../drivers/rig-device.js';
import { MeaError } from '../../protocols/errors.js';
import { confirmDelivery, createStimHistory, withdraw } from '../../protocols/stimulation/gate-history.js';
import { checkStimulus } from '../../protocols/stimulation/gate.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import type { StimPattern } from '../../protocols/stimulation/stim-pattern.js';
import type { Timers } from '../../protocols/timers.js';
import { sampleIndex } from '../../protocols/units.js';
import { createLatencyRecorder, type LatencyFigures } from '../../src/pipeline/events/latency-recorder.js';
import type { StimulusScheduled } from '../../src/pipeline/events/pipeline-event.js';
import { detectSpikes } from '../../src/pipeline/operators/detect-spikes.js';
import { noteDetected, noteReceived, noteSettled } from '../../src/pipeline/operators/note-latency.js';
import { shareEvents } from '../../src/pipeline/operators/share-events.js';
import { trialResponses } from '../../src/pipeline/operators/trial-responses.js';
import type { FireRuleOptions } from '../../src/pipeline/rules/fire-rule.js';
import { whenFire, type TriggerRequest } from '../../src/pipeline/rules/when-fire.js';
import type { SignalPipeline } from '../../src/pipeline/signal-pipeline.js';
import type { WindowedResponse } from '../../src/pipeline/trials/windowed-response.js';

/** What a loop with one rule needs. */
export interface RuleLoopOptions {
  readonly device: RigDevice;
  readonly timers: Timers;
  readonly profile: SafetyProfile;
  readonly rule: Omit<FireRuleOptions, 'sampleRateHz'>;
  /** What the rule triggers. */
  readonly pattern: StimPattern;
  readonly createPipeline: () => SignalPipeline;
  /** Frames in a block. */
  readonly blockFrames: number;
  /** From the newest sample at hand to the stimulus: longer than the loop takes, or the device refuses it as late. */
  readonly leadMs: number;
  readonly durationMs: number;
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** What came of a loop. */
export interface RuleLoopResult {
  readonly requests: readonly TriggerRequest[];
  readonly responses: readonly WindowedResponse[];
  /** Requests that the gate or the device did not take, with their reasons. */
  readonly refusals: readonly string[];
  readonly latency: LatencyFigures;
}

/**
 * Runs the rule on a device for a while: every stimulus goes through the gate, and is printed with the spikes that caused
 * it. Whatever happens, stimulation is off and acquisition stopped when it is done.
 */
export async function runRuleLoop(options: RuleLoopOptions): Promise<RuleLoopResult> {
  const { device, profile, blockFrames, print } = options;
  const { sampleRateHz, serialNumber } = device.capabilities;
  const loop = new RuleLoop(options);
  const recorder = loop.latency;
  const scheduled$ = new Subject<StimulusScheduled>();
  const shared$ = device.events$.pipe(
    noteReceived(recorder),
    detectSpikes({ createPipeline: options.createPipeline, durationSamplesOf: () => loop.pulseSamples }),
    noteDetected(recorder),
    shareEvents(),
  );
  const responses$ = merge(shared$, scheduled$).pipe(
    trialResponses({ electrodes: device.capabilities.channels, sampleRateHz }),
    noteSettled(recorder),
  );
  const onError = (error: unknown): void => {
    loop.fail(error);
  };
  const subscriptions = [
    // First, so that a rule knows the newest sample.
    device.events$.subscribe((event) => {
      loop.onEvent(event);
    }),
    responses$.subscribe({
      next: (response) => {
        loop.onResponse(response);
      },
      error: onError,
    }),
    shared$.pipe(whenFire({ ...options.rule, sampleRateHz }, { slot: options.pattern.slot })).subscribe({
      next: (request) => {
        loop
          .onRequest(request, (stimulus) => {
            scheduled$.next(stimulus);
          })
          .catch(onError);
      },
      error: onError,
    }),
  ];
  try {
    const { profileHash } = await device.configure({ blockFrames, safetyProfile: profile });
    await device.start();
    await device.arm({ serialNumber, profileHash });
    await loop.wait();
  } finally {
    // Stimulation first; each step is taken whatever became of the one before.
    await device.disarm().catch(onError);
    await device.stop().catch(onError);
    for (const subscription of subscriptions) subscription.unsubscribe();
    recorder.close();
  }
  loop.assertSound();
  const { requests, responses, refusals } = loop;
  print(`${requests.length} requests, ${responses.length} responses, ${refusals.length} refused`);
  return { requests, responses, refusals, latency: recorder.figures };
}

/** The state of a loop. */
class RuleLoop {
  readonly requests: TriggerRequest[] = [];
  readonly responses: WindowedResponse[] = [];
  readonly refusals: string[] = [];
  readonly latency;
  readonly #options: RuleLoopOptions;
  readonly #begunMs: number;
  #history = createStimHistory();
  #stimulusId: number;
  #nowSample = 0;
  #end: { readonly fail: (error: unknown) => void } | undefined;
  #failure: unknown;

  constructor(options: RuleLoopOptions) {
    this.#options = options;
    this.#stimulusId = options.device.newestStimulusId;
    this.latency = createLatencyRecorder({ clock: options.timers });
    this.#begunMs = options.timers.nowMs();
  }

  /** Length of the pattern in samples, rounded up. */
  get pulseSamples(): number {
    const { pattern, device } = this.#options;
    const lengths = pattern.pulses.map(({ phases }) => phases.reduce((sum, { durationUs }) => sum + durationUs, 0));
    return Math.ceil((Math.max(0, ...lengths) * device.capabilities.sampleRateHz) / 1e6);
  }

  /** Resolves when the time is over or the signal aborted; rejects with what went wrong meanwhile. */
  wait(): Promise<void> {
    const { timers, durationMs, signal } = this.#options;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        cancel();
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      const onAbort = (): void => {
        end(resolve);
      };
      const cancel = timers.after(durationMs, onAbort);
      signal.addEventListener('abort', onAbort);
      this.#end = {
        fail: (error) => {
          end(() => {
            reject(toError(error));
          });
        },
      };
      if (this.#failure !== undefined) this.#end.fail(this.#failure);
      else if (signal.aborted) onAbort();
    });
  }

  /** @throws what went wrong first */
  assertSound(): void {
    if (this.#failure !== undefined) throw toError(this.#failure);
  }

  fail(error: unknown): void {
    this.#failure ??= error;
    this.#end?.fail(error);
  }

  /** Keeps the gate's account: what left cannot be withdrawn, what was dropped can. */
  onEvent(event: DeviceEvent): void {
    if (event.type === 'block') {
      this.#nowSample = event.firstSample + event.frames;
      // The loop has turned: the heartbeats may go on, and with them the arming.
      this.#options.device.reportProgress();
    }
    if (event.type === 'stimulus-delivered') this.#history = confirmDelivery(this.#history, event);
    if (event.type === 'stimulus-dropped') this.#history = withdraw(this.#history, event.stimulusId);
    // A device that boots anew has another sample clock and another history: a person looks at it first.
    if (event.type === 'device-restarted' || event.type === 'link-failed') {
      this.fail(new MeaError('link', { what: 'The device is not the one that was armed', got: event.type }));
    }
  }

  onResponse(response: WindowedResponse): void {
    const { print } = this.#options;
    this.responses.push(response);
    const count = (counts: Uint16Array): number => counts.reduce((sum, spikes) => sum + spikes, 0);
    const { stimulusId, delivery, deliveredSample, counts, baselineCounts, blindElectrodes } = response;
    print(
      `stimulus ${stimulusId}: ${delivery} at sample ${deliveredSample}, ${count(counts)} spikes 10 to 30 ms after, ` +
        `${count(baselineCounts)} in 40 ms before, ${blindElectrodes.length} electrodes blind`,
    );
  }

  /** Gate, then driver. */
  async onRequest(request: TriggerRequest, onScheduled: (stimulus: StimulusScheduled) => void): Promise<void> {
    const { device, profile, pattern, leadMs, print, timers } = this.#options;
    const { stimulation, sampleRateHz } = device.capabilities;
    const toSamples = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
    this.requests.push(request);
    const stimulusId = this.#stimulusId + 1;
    this.latency.decided(stimulusId);
    if (stimulation === null) throw new MeaError('refused', { what: 'The device has no stimulator' });
    const nowSample = this.#nowSample;
    const verdict = checkStimulus(
      { stimulusId, pattern, at: { type: 'sample', sample: sampleIndex(nowSample + toSamples(leadMs)) } },
      {
        profile,
        capabilities: stimulation,
        sampleRateHz,
        profileAgeS: (timers.nowMs() - this.#begunMs) / 1000,
        nowSample,
        // The device disarms by itself soon after the last heartbeat, whatever stands here.
        arming: { armed: device.isArmed, untilSample: nowSample + toSamples(500) },
        history: this.#history,
      },
    );
    const { firstSample, lastSample, electrodes } = request.cause;
    const cause = `electrodes ${electrodes.join(', ')} fired in samples ${firstSample} to ${lastSample}`;
    if (verdict.type === 'refused') {
      this.#refuse(request, verdict.refusals.map(({ rule, message }) => `${rule}: ${message}`).join('; '));
      return;
    }
    this.#stimulusId = stimulusId;
    this.#history = verdict.history;
    this.latency.sent(stimulusId);
    const answer = await device.stimulate(verdict.command);
    this.latency.acknowledged(stimulusId);
    if (answer.type === 'refused') {
      // Not armed any more is the driver's own word, which may have overtaken a stimulus that left: the device tells if not.
      const mayHaveLeft = answer.reason === 'not-armed' && !device.isArmed;
      if (!mayHaveLeft) this.#history = withdraw(this.#history, stimulusId);
      this.#refuse(request, `${answer.reason}: ${answer.message}`);
      return;
    }
    onScheduled({ type: 'stimulus-scheduled', stimulusId, sample: answer.sample });
    print(`stimulus ${stimulusId} of slot ${request.slot} for sample ${answer.sample}: ${cause}`);
  }

  #refuse({ number }: TriggerRequest, reason: string): void {
    this.refusals.push(reason);
    this.#options.print(`request ${number} refused: ${reason}`);
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
