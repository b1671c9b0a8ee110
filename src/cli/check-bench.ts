import { filter, firstValueFrom, map, timeout, type Observable, type Subscription } from 'rxjs';
import { pause } from '../../drivers/mea-link/bounded-wait.js';
import type { ConnectedParts } from '../../drivers/parts/connect-parts.js';
import type { RecorderEvent } from '../../drivers/parts/recorder.js';
import { createClockRelation, type ClockRelation } from '../../protocols/clock-relation.js';
import type { Timers } from '../../protocols/timers.js';
import type { Rig } from '../closed-loop/rig.js';
import { SampleSurvey } from '../pipeline/sample-survey.js';

/** After a trigger something is seen within this. */
const SEEN_MS = 1000;

/** One check to be made. */
export interface CheckStep {
  readonly id: string;
  readonly title: string;
  readonly remedy: string;
  /** @returns what was measured @throws CheckFailed, CheckSkipped, MeaError */
  readonly run: () => Promise<string> | string;
}

/** What a bench is made with. */
export interface CheckBenchOptions {
  readonly rig: Rig;
  /** A sine that somebody feeds into every electrode. */
  readonly sine?: { readonly frequencyHz: number } | undefined;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

/** The parts under test, and what the recorder tells. */
export class CheckBench {
  readonly parts: ConnectedParts;
  readonly relation: ClockRelation;
  readonly survey: SampleSurvey;
  readonly lost: { samples: number; readonly messages: string[] } = { samples: 0, messages: [] };
  frames = 0;
  readonly #subscription: Subscription;
  readonly #timers: Timers;
  readonly #signal: AbortSignal;

  constructor(parts: ConnectedParts, { rig, sine, timers, signal }: CheckBenchOptions) {
    this.parts = parts;
    this.#timers = timers;
    this.#signal = signal;
    const { channels, sampleRateHz, gainUvPerBit } = parts.recorder.description;
    this.relation = createClockRelation({ nominalHz: rig.sampleRateHz });
    this.survey = new SampleSurvey({ electrodes: channels, sampleRateHz, gainUvPerBit, sineHz: sine?.frequencyHz });
    this.#subscription = parts.recorder.events$.subscribe((event) => {
      this.#onEvent(event);
    });
  }

  wait(ms: number): Promise<void> {
    return pause(this.#timers, ms, this.#signal);
  }

  /** The first event of a kind within a second of asking; undefined where none comes. */
  untilSeen<T>(pick: (event: RecorderEvent) => T | undefined): Promise<T | undefined> {
    return this.first(
      this.parts.recorder.events$.pipe(
        map(pick),
        filter((value) => value !== undefined),
      ),
    );
  }

  /** What comes first within a second of asking; undefined where nothing does. */
  first<T>(values$: Observable<T>): Promise<T | undefined> {
    return firstValueFrom(values$.pipe(timeout({ first: SEEN_MS })), { defaultValue: undefined }).catch(
      () => undefined,
    );
  }

  async close(): Promise<void> {
    this.#subscription.unsubscribe();
    await this.parts.stimulator?.close();
    await this.parts.recorder.close();
  }

  #onEvent(event: RecorderEvent): void {
    if (event.type === 'block') {
      this.frames += event.frames;
      this.relation.add(this.#timers.nowMs(), event.firstSample + event.frames);
      this.survey.add(event);
    } else if (event.type === 'samples-lost') this.lost.samples += event.toSample - event.fromSample;
    else if (event.type === 'warning' || event.type === 'failed') this.lost.messages.push(event.message);
  }
}
