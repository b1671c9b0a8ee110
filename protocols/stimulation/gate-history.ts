import { MeaError } from '../errors.js';
import type { PulseFigures } from './gate-pulse.js';

/** An accepted pulse of the last seconds, or one that is still to come. */
export interface RecentPulse {
  readonly stimulusId: number;
  readonly startSample: number;
  readonly lengthSamples: number;
  readonly sumPc: number;
  readonly onUs: number;
}

/** What one electrode got. */
export interface ElectrodeHistory {
  /** Sum of charge, and of |charge|, in this session, in pC. */
  readonly netPc: number;
  readonly sumPc: number;
  /** In the order of their start. */
  readonly recent: readonly RecentPulse[];
}

/** An accepted stimulus of the last seconds, or one that is still to come. */
export interface RecentStimulus {
  readonly stimulusId: number;
  readonly session: number;
  readonly startSample: number;
  /** Sample after the last one that its longest pulse reaches into. */
  readonly endSample: number;
  readonly figures: readonly PulseFigures[];
  /** The device said that it left: it cannot be withdrawn any more. */
  readonly delivered: boolean;
}

interface HistoryFields {
  readonly session: number;
  readonly stimuli: number;
  readonly newestStimulusId: number;
  readonly nowSample: number;
  readonly electrodes: readonly (ElectrodeHistory | undefined)[];
  readonly recent: readonly RecentStimulus[];
}

/** Only this module has it, so that only this module makes histories. */
const KEY = Symbol('history');

const UNTOUCHED: ElectrodeHistory = { netPc: 0, sumPc: 0, recent: [] };

class StimHistoryValue {
  readonly #fields: HistoryFields;

  constructor(key: symbol, fields: HistoryFields) {
    if (key !== KEY) throw new MeaError('internal', { what: 'Only the gate makes histories of stimulation' });
    this.#fields = fields;
  }

  /** Counts the sessions from 0. */
  get session(): number {
    return this.#fields.session;
  }

  /** Stimuli that were accepted in this session, empty ones included. */
  get stimuli(): number {
    return this.#fields.stimuli;
  }

  /** 0 before the first. */
  get newestStimulusId(): number {
    return this.#fields.newestStimulusId;
  }

  /** The device's next sample when the newest stimulus was accepted. */
  get nowSample(): number {
    return this.#fields.nowSample;
  }

  /** In the order of their start. */
  get recent(): readonly RecentStimulus[] {
    return this.#fields.recent;
  }

  electrode(electrode: number): ElectrodeHistory {
    return this.#fields.electrodes[electrode] ?? UNTOUCHED;
  }

  with(change: Partial<HistoryFields>): StimHistoryValue {
    return new StimHistoryValue(KEY, { ...this.#fields, ...change });
  }

  copyElectrodes(): (ElectrodeHistory | undefined)[] {
    return this.#fields.electrodes.slice();
  }
}

/**
 * What the gate accepted so far, for the rules that look back: a value, never changed. The gate returns the next one;
 * whoever holds the gate must keep the newest and give that one back.
 */
export type StimHistory = StimHistoryValue;

/** The history of a device that has not stimulated since it booted. A device that boots anew starts a new one. */
export function createStimHistory(): StimHistory {
  return new StimHistoryValue(KEY, {
    session: 0,
    stimuli: 0,
    newestStimulusId: 0,
    nowSample: 0,
    electrodes: [],
    recent: [],
  });
}

/**
 * A session begins: its budgets start afresh, the windows of one second do not. To be called when the device has done a
 * `rest`, and never otherwise: it gives every electrode its charge budget back.
 */
export function startSession(history: StimHistory): StimHistory {
  const electrodes = history
    .copyElectrodes()
    .map((electrode) => electrode && { ...UNTOUCHED, recent: electrode.recent });
  return history.with({ session: history.session + 1, stimuli: 0, electrodes });
}

/**
 * Takes a stimulus out of the account again. Only for one that the device says did not leave: it refused the command, or
 * reported `stimulus-dropped`. A command without an answer stays in the account, because it may have left.
 *
 * No loophole lies in it: the id stays used; a stimulus that was confirmed as delivered, is unknown, was withdrawn
 * already or ended more than a second ago changes nothing; one of an earlier session gives nothing back to this one.
 */
export function withdraw(history: StimHistory, stimulusId: number): StimHistory {
  const stimulus = history.recent.find((recent) => recent.stimulusId === stimulusId);
  if (stimulus === undefined || stimulus.delivered) return history;
  const ofThisSession = stimulus.session === history.session;
  const electrodes = history.copyElectrodes();
  for (const { electrode, netPc, sumPc } of stimulus.figures) {
    const before = history.electrode(electrode);
    electrodes[electrode] = {
      netPc: ofThisSession ? before.netPc - netPc : before.netPc,
      sumPc: ofThisSession ? before.sumPc - sumPc : before.sumPc,
      recent: before.recent.filter((pulse) => pulse.stimulusId !== stimulusId),
    };
  }
  return history.with({
    stimuli: ofThisSession ? history.stimuli - 1 : history.stimuli,
    electrodes,
    recent: history.recent.filter((recent) => recent !== stimulus),
  });
}

/**
 * Notes that a stimulus left, and at which sample: for one that was sent for `now`, later than the gate could know. It
 * cannot be withdrawn any more. An unknown id changes nothing.
 */
export function confirmDelivery(
  history: StimHistory,
  delivery: { readonly stimulusId: number; readonly sample: number },
): StimHistory {
  const { stimulusId, sample } = delivery;
  const stimulus = history.recent.find((recent) => recent.stimulusId === stimulusId);
  if (stimulus === undefined || !Number.isSafeInteger(sample)) return history;
  const shift = sample - stimulus.startSample;
  const recent = history.recent.filter((other) => other !== stimulus);
  const moved = { ...stimulus, startSample: sample, endSample: stimulus.endSample + shift, delivered: true };
  if (shift === 0) return history.with({ recent: insert(recent, moved) });
  const electrodes = history.copyElectrodes();
  for (const { electrode } of stimulus.figures) {
    const before = history.electrode(electrode);
    const others = before.recent.filter((pulse) => pulse.stimulusId !== stimulusId);
    const pulse = before.recent.find((own) => own.stimulusId === stimulusId);
    if (pulse === undefined) continue;
    electrodes[electrode] = { ...before, recent: insert(others, { ...pulse, startSample: sample }) };
  }
  return history.with({ electrodes, recent: insert(recent, moved) });
}

/** The history after an accepted stimulus. What ended more than two seconds before `nowSample` is forgotten. */
export function account(
  history: StimHistory,
  stimulus: {
    readonly stimulusId: number;
    readonly startSample: number;
    readonly figures: readonly PulseFigures[];
    readonly nowSample: number;
    readonly sampleRateHz: number;
  },
): StimHistory {
  const { stimulusId, startSample, figures, nowSample, sampleRateHz } = stimulus;
  const oldest = nowSample - 2 * sampleRateHz;
  const electrodes = history.copyElectrodes();
  let lengthSamples = 0;
  for (const { electrode, netPc, sumPc, onUs, lengthSamples: length } of figures) {
    const before = electrodes[electrode] ?? UNTOUCHED;
    const pulse = { stimulusId, startSample, lengthSamples: length, sumPc, onUs };
    const recent = insert(dropBefore(before.recent, oldest), pulse);
    electrodes[electrode] = { netPc: before.netPc + netPc, sumPc: before.sumPc + sumPc, recent };
    lengthSamples = Math.max(lengthSamples, length);
  }
  const { session } = history;
  const added = { stimulusId, session, startSample, endSample: startSample + lengthSamples, figures, delivered: false };
  return new StimHistoryValue(KEY, {
    session,
    stimuli: history.stimuli + 1,
    newestStimulusId: stimulusId,
    nowSample,
    electrodes,
    recent: insert(dropBefore(history.recent, oldest), added),
  });
}

/** A copy with one more item, in the order of the start. */
function insert<T extends { readonly startSample: number }>(items: readonly T[], item: T): readonly T[] {
  let at = items.length;
  while (at > 0 && items[at - 1]!.startSample > item.startSample) at--;
  if (at < items.length) return items.toSpliced(at, 0, item);
  const copy = items.slice();
  copy.push(item);
  return copy;
}

function dropBefore<T extends { readonly startSample: number }>(items: readonly T[], oldest: number): readonly T[] {
  let first = 0;
  while (first < items.length && items[first]!.startSample < oldest) first++;
  return first === 0 ? items : items.slice(first);
}
