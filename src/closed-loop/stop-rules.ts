import type { LedgerRecord, StopMeasure, StoppedRecord, StopRule } from '../../protocols/ledger.js';
import type { Experiment } from './experiment.js';
import type { StopSection } from './stop-section.js';

/** What stop rules look at after a session. */
export interface SessionFigures {
  readonly session: number;
  /** Spikes per electrode and trial. */
  readonly meanCount: number;
  /** Share of the electrodes that could see and had no spike. */
  readonly silentShare: number;
  /** Mean over ensembles, spikes per trial; undefined before the calibration and where the session cannot tell. */
  readonly selectivity: number | undefined;
  /** Mean over ensembles, in x; undefined likewise. */
  readonly xSelectivity: number | undefined;
}

/** What the initial sessions were like. */
export interface InitialFigures {
  readonly meanCount: number;
  /** Undefined where no ensemble was found. */
  readonly selectivity: number | undefined;
}

/** Holds the rules against one session after the other. */
export interface StopWatch {
  /**
   * @param initial known once the initial sessions are over; undefined for those
   * @returns the record of the stop, at the first rule that asks for one
   */
  next(figures: SessionFigures, initial: InitialFigures | undefined): StoppedRecord | undefined;
}

/** One limit of one rule. */
interface Check {
  readonly rule: StopRule;
  readonly measure: StopMeasure;
  readonly limit: number;
  readonly sessions: number;
  /** Undefined where the session says nothing: that ends the row. */
  readonly valueOf: (figures: SessionFigures, initial: InitialFigures | undefined) => number | undefined;
  readonly isMet: (value: number) => boolean;
}

/** Each limit counts its own sessions in a row. Undefined where no rule is on. */
export function createStopWatch(section: StopSection): StopWatch | undefined {
  const checks = listChecks(section);
  if (checks.length === 0) return undefined;
  const rows = checks.map(() => 0);
  return {
    next(figures, initial) {
      let stop: StoppedRecord | undefined;
      checks.forEach(({ rule, measure, limit, sessions, valueOf, isMet }, i) => {
        const value = valueOf(figures, initial);
        rows[i] = value !== undefined && isMet(value) ? rows[i]! + 1 : 0;
        if (value === undefined || rows[i] < sessions) return;
        stop ??= { type: 'stopped', session: figures.session, rule, measure, value, limit, sessions };
      });
      return stop;
    },
  };
}

function listChecks({ selectivityReached, drift, deadCulture }: StopSection): readonly Check[] {
  return [
    ...(deadCulture === undefined ? [] : deadChecks(deadCulture)),
    ...(drift === undefined ? [] : driftChecks(drift)),
    ...(selectivityReached === undefined ? [] : [reachedCheck(selectivityReached)]),
  ];
}

function deadChecks({
  meanCountBelow: least,
  silentShareAbove: most,
  sessions,
}: NonNullable<StopSection['deadCulture']>): readonly Check[] {
  const rule = 'deadCulture';
  const count: readonly Check[] =
    least === undefined
      ? []
      : [
          {
            rule,
            measure: 'mean-count',
            limit: least,
            sessions,
            valueOf: ({ meanCount }) => meanCount,
            isMet: (value) => value < least,
          },
        ];
  const silent: readonly Check[] =
    most === undefined
      ? []
      : [
          {
            rule,
            measure: 'silent-share',
            limit: most,
            sessions,
            valueOf: ({ silentShare }) => silentShare,
            isMet: (value) => value > most,
          },
        ];
  return [...count, ...silent];
}

function driftChecks({
  meanCountShare: share,
  selectivity: most,
  sessions,
}: NonNullable<StopSection['drift']>): readonly Check[] {
  const rule = 'drift';
  const count: readonly Check[] =
    share === undefined
      ? []
      : [
          {
            rule,
            measure: 'mean-count-share',
            limit: share,
            sessions,
            valueOf: ({ meanCount }, initial) =>
              initial === undefined || initial.meanCount === 0 ? undefined : meanCount / initial.meanCount - 1,
            isMet: (value) => Math.abs(value) > share,
          },
        ];
  const preference: readonly Check[] =
    most === undefined
      ? []
      : [
          {
            rule,
            measure: 'selectivity',
            limit: most,
            sessions,
            valueOf: ({ selectivity }, initial) =>
              selectivity === undefined || initial?.selectivity === undefined
                ? undefined
                : selectivity - initial.selectivity,
            isMet: (value) => Math.abs(value) > most,
          },
        ];
  return [...count, ...preference];
}

function reachedCheck({ measure, atLeast, sessions }: NonNullable<StopSection['selectivityReached']>): Check {
  return {
    rule: 'selectivityReached',
    measure: measure === 'counts' ? 'selectivity' : 'x-selectivity',
    limit: atLeast,
    sessions,
    valueOf: ({ selectivity, xSelectivity }, initial) =>
      initial === undefined ? undefined : measure === 'counts' ? selectivity : xSelectivity,
    isMet: (value) => value >= atLeast,
  };
}

const RULE_WORDS: Readonly<Record<StopRule, string>> = {
  selectivityReached: 'selectivity reached',
  drift: 'drift',
  deadCulture: 'dead culture',
};

/** A stop in words: `stopped after session 23 by rule drift: ...`; sessions from 1. */
export function describeStop({ session, rule, measure, value, limit, sessions }: StoppedRecord): string {
  const row = sessions === 1 ? 'in one session' : `for ${sessions} sessions in a row`;
  return `stopped after session ${session + 1} by the rule "${RULE_WORDS[rule]}": ${measureWords(rule, measure, { value, limit })} ${row}`;
}

function measureWords(
  rule: StopRule,
  measure: StopMeasure,
  { value, limit }: { readonly value: number; readonly limit: number },
): string {
  const now = value.toFixed(3);
  switch (measure) {
    case 'mean-count':
      return `mean count ${now}, below ${limit} spikes per electrode and trial`;
    case 'silent-share':
      return `share of silent electrodes ${now}, above ${limit}`;
    case 'mean-count-share':
      return `mean count ${(100 * value).toFixed(1)} % from the initial sessions', limit ${(100 * limit).toFixed(1)} %`;
    case 'selectivity':
      return rule === 'drift'
        ? `selectivity ${now} spikes per trial from the initial sessions', limit ${limit}`
        : `selectivity ${now} spikes per trial, at least ${limit}`;
    case 'x-selectivity':
      return `selectivity in x ${now}, at least ${limit}`;
  }
}

/** True when a stop rule ended a run before there was anything to analyse. */
export function isTooShort(
  records: readonly LedgerRecord[],
  { initialSessions }: Pick<Experiment, 'initialSessions'>,
): boolean {
  return records.some((record) => record.type === 'stopped' && record.session < initialSessions);
}
