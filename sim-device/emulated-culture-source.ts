import { MeaError } from '../protocols/errors.js';
import type { ResumableSource, TrialRequest, TrialResponse, TrialSourceDescription } from '../protocols/trial.js';
import { milliseconds, sampleIndex, type Milliseconds, type SampleIndex, type Seconds } from '../protocols/units.js';
import { EmulatedCulture } from './culture.js';
import { completeCultureSettings, type CultureSettings } from './culture-settings.js';
import { CultureStateWriter, parseCultureState, type SourceClock } from './culture-state.js';

/** The window after the pulse that the culture's counts stand for. It belongs to the culture, and cannot be chosen. */
export const RESPONSE_WINDOW_MS = [milliseconds(10), milliseconds(30)] as const;

/** Name and version of the emulated device. */
const EMULATED_CULTURE_DEVICE = 'emulated-culture 1';

/** An emulated culture and the device around it. */
export interface EmulatedCultureSourceSettings extends CultureSettings {
  /**
   * Recording-electrode index of each input. By default the black squares of an 8 x 8 board where there are 64
   * electrodes and 32 inputs (unconfirmed), else the first electrodes.
   */
  readonly stimulatedElectrodes?: readonly number[] | undefined;
  /** Time from one pulse to the next that `nextSample` keeps, 1000 ms by default. */
  readonly trialPeriodMs?: Milliseconds | undefined;
}

/**
 * A source of trials that is an emulated culture: no voltages, evoked spike counts at once.
 *
 * `run` checks all requests of a batch when its first response is pulled, then answers each when it is pulled, so
 * `saveState` between two pulls is exact. An aborted signal ends it before the next trial with the signal's reason.
 * The device's counter starts at 0; a trial takes its whole period, a rest moves the counter on by its duration.
 *
 * @throws MeaError `bad-input` for settings that cannot be
 */
export function createEmulatedCultureSource(settings: EmulatedCultureSourceSettings): ResumableSource {
  return new EmulatedCultureSource(settings);
}

class EmulatedCultureSource implements ResumableSource {
  readonly description: TrialSourceDescription;
  readonly #culture: EmulatedCulture;
  readonly #fingerprint: string;
  readonly #stateWriter: CultureStateWriter;
  readonly #periodSamples: number;
  readonly #windowSamples: readonly [first: number, end: number];
  #clock: SourceClock = { next: 0, free: 0, rested: 0 };
  #running = false;
  #closed = false;

  constructor(settings: EmulatedCultureSourceSettings) {
    const wanted = settings.inputs ?? settings.stimulatedElectrodes?.length;
    const full = completeCultureSettings({ ...settings, inputs: wanted });
    const { sampleRateHz, electrodes, inputs } = full;
    const toSamples = (ms: number): number => Math.round((ms * sampleRateHz) / 1000);
    const stimulatedElectrodes = settings.stimulatedElectrodes ?? defaultElectrodes(electrodes, inputs);
    assertElectrodes(stimulatedElectrodes, electrodes, inputs);
    this.#culture = new EmulatedCulture(full);
    this.#windowSamples = [toSamples(RESPONSE_WINDOW_MS[0]), toSamples(RESPONSE_WINDOW_MS[1])];
    this.#periodSamples = toSamples(settings.trialPeriodMs ?? 1000);
    if (!(this.#periodSamples >= this.#windowSamples[1])) {
      throw new MeaError('bad-input', {
        what: 'Bad trial period',
        got: `${settings.trialPeriodMs} ms`,
        wanted: `at least the ${RESPONSE_WINDOW_MS[1]} ms until the response window ends`,
      });
    }
    this.description = {
      provenance: 'emulated',
      device: EMULATED_CULTURE_DEVICE,
      electrodes,
      stimulatedElectrodes: [...stimulatedElectrodes],
      sampleRateHz,
      responseWindowMs: RESPONSE_WINDOW_MS,
    };
    this.#fingerprint = JSON.stringify({
      ...full,
      periodSamples: this.#periodSamples,
      device: this.description.device,
    });
    this.#stateWriter = new CultureStateWriter(this.#fingerprint);
  }

  nextSample(): SampleIndex {
    return sampleIndex(this.#clock.next);
  }

  async *run(requests: readonly TrialRequest[], signal: AbortSignal): AsyncGenerator<TrialResponse, void, undefined> {
    this.#assertFree();
    this.#assertRequests(requests);
    this.#running = true;
    try {
      for (const request of requests) {
        signal.throwIfAborted();
        yield await Promise.resolve(this.#respond(request));
      }
    } finally {
      this.#running = false;
    }
  }

  rest(duration: Seconds): Promise<void> {
    return this.#settle(() => {
      this.#assertFree();
      if (!(duration >= 0 && Number.isFinite(duration))) {
        throw new MeaError('bad-input', {
          what: 'Bad rest',
          got: `${duration} s`,
          wanted: 'a duration of at least 0 s',
        });
      }
      const samples = Math.round(duration * this.description.sampleRateHz);
      const next = this.#clock.next + samples;
      this.#clock = { next, free: next, rested: this.#clock.rested + samples };
      this.#culture.rest();
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  saveState(): Uint8Array {
    return this.#stateWriter.write({ clock: this.#clock, snapshot: this.#culture.snapshot() });
  }

  restoreState(state: Uint8Array): void {
    this.#assertFree();
    const { clock, snapshot } = parseCultureState(state, {
      fingerprint: this.#fingerprint,
      inputs: this.#culture.settings.inputs,
      plasticStateLengths: this.#culture.plasticStateLengths(),
    });
    this.#culture.restore(snapshot);
    this.#clock = clock;
  }

  #respond({ session, trial, inputs, atSample }: TrialRequest): TrialResponse {
    const counts = new Uint16Array(this.description.electrodes);
    this.#culture.respond(inputs, atSample - this.#clock.rested, counts);
    const [first, end] = this.#windowSamples;
    this.#clock = { ...this.#clock, next: atSample + this.#periodSamples, free: atSample + end };
    return {
      session,
      trial,
      delivery: inputs.includes(1) ? 'delivered' : 'nothing-as-asked',
      deliveredSample: atSample,
      window: [sampleIndex(atSample + first), sampleIndex(atSample + end)],
      counts,
    };
  }

  #assertRequests(requests: readonly TrialRequest[]): void {
    let free = this.#clock.free;
    for (const { session, trial, inputs, atSample } of requests) {
      const where = `session ${session}, trial ${trial}`;
      const wanted = this.#culture.settings.inputs;
      if (inputs.length !== wanted) throw badRequest('a pattern of another size', [inputs.length, wanted], where);
      const odd = inputs.find((value) => value > 1);
      if (odd !== undefined) throw badRequest('a pattern that is not binary', [odd, '0 or 1'], where);
      if (!Number.isSafeInteger(atSample) || atSample < free) {
        throw badRequest('a sample that is past or not a sample', [atSample, `an integer of at least ${free}`], where);
      }
      free = atSample + this.#windowSamples[1];
    }
  }

  #assertFree(): void {
    if (this.#closed) throw new MeaError('internal', { what: 'The emulated culture was closed before this call' });
    if (this.#running) {
      throw new MeaError('internal', {
        what: 'The emulated culture is still running a batch',
        remedy: 'finish the iterator of run, or return it, first',
      });
    }
  }

  #settle(action: () => void): Promise<void> {
    return new Promise((resolve) => {
      action();
      resolve();
    });
  }
}

function badRequest(what: string, [got, wanted]: readonly [unknown, unknown], where: string): MeaError {
  return new MeaError('bad-input', { what: `A trial has ${what}`, got: String(got), wanted: String(wanted), where });
}

/**
 * Refuses recording-electrode indices that are not one of the array's for each input, all different.
 *
 * @throws MeaError `bad-input`
 */
export function assertElectrodes(stimulated: readonly number[], electrodes: number, inputs: number): void {
  const onArray = stimulated.every((e) => Number.isInteger(e) && e >= 0 && e < electrodes);
  if (onArray && new Set(stimulated).size === stimulated.length && stimulated.length === inputs) return;
  throw new MeaError('bad-input', {
    what: 'Bad stimulated electrodes',
    got: `[${stimulated.join(', ')}]`,
    wanted: `${inputs} different indices below ${electrodes}`,
  });
}

/** Recording-electrode index of each input where none are chosen: see `EmulatedCultureSourceSettings`. */
export function defaultElectrodes(electrodes: number, inputs: number): number[] {
  const all = Array.from({ length: electrodes }, (_, e) => e);
  if (electrodes !== 64 || inputs !== 32) return all.slice(0, inputs);
  return all.filter((e) => ((e >> 3) + e) % 2 === 0);
}
