import { z } from 'zod';
import { MeaError } from '../../../protocols/errors.js';
import type { LedgerRecord, TrialRecord, TrialUncountedRecord } from '../../../protocols/ledger.js';
import type { RecordingContents } from '../recording-contents.js';

/** A trial as tables show it, whether it counts or not. */
export interface TrialRow {
  readonly session: number;
  readonly trial: number;
  /** One digit for each. */
  readonly sources: string;
  readonly inputs: string;
  readonly atSample: number;
  readonly delivery: string;
  readonly deliveredSample: number;
  readonly window: readonly [number, number];
  readonly isCounted: boolean;
  /** Why it does not count; empty where it does. */
  readonly reason: string;
  /** (electrodes) spikes in the window; absent where nobody counted them. */
  readonly counts?: readonly number[];
  /** (electrodes) share of the window that each could not see; absent where all saw everything. */
  readonly blindFraction?: readonly number[];
}

/** What all trials of a recording have in common, found by reading them once. */
export interface TrialSurvey {
  readonly rows: number;
  readonly counted: number;
  /** Widths; 0 where there is no trial. */
  readonly sources: number;
  readonly inputs: number;
  readonly electrodes: number;
  /** Absent where the recording has no experiment. */
  readonly trialsPerSession: number | undefined;
  /** Sessions from the first on of which every trial counts. */
  readonly wholeSessions: number;
  readonly largestCount: number;
  readonly hasBlind: boolean;
  /** How often each session began anew, of those that did. */
  readonly restarts: ReadonlyMap<number, number>;
}

const sized = z.object({ trials: z.int().min(1) });

/**
 * Reads the ledger once.
 *
 * @throws MeaError `bad-format` for a trial with other sources, inputs or electrodes than those before it
 */
export async function surveyTrials(contents: RecordingContents, signal: AbortSignal): Promise<TrialSurvey> {
  const survey = { rows: 0, counted: 0, sources: 0, inputs: 0, electrodes: 0, wholeSessions: 0, largestCount: 0 };
  const restarts = new Map<number, number>();
  let trialsPerSession: number | undefined;
  let hasBlind = false;
  /** The trials of the session so far that count. */
  let session = { number: 0, trials: new Set<number>() };
  const endSession = (): void => {
    const isWhole = session.trials.size === trialsPerSession;
    if (isWhole && session.number === survey.wholeSessions) survey.wholeSessions++;
  };
  for await (const record of contents.ledger()) {
    if (survey.rows % 1024 === 0) signal.throwIfAborted();
    if (record.type === 'experiment-started') trialsPerSession ??= sized.safeParse(record.experiment).data?.trials;
    if (record.type === 'session-restarted') {
      restarts.set(record.session, (restarts.get(record.session) ?? 0) + 1);
      if (session.number === record.session) {
        survey.counted -= session.trials.size;
        session.trials.clear();
      }
    }
    if (record.type !== 'trial' && record.type !== 'trial-uncounted') continue;
    if (record.session !== session.number) {
      endSession();
      session = { number: record.session, trials: new Set() };
    }
    survey.rows++;
    noteWidths(survey, record, contents.path);
    if (record.type !== 'trial') continue;
    survey.counted++;
    session.trials.add(record.trial);
    for (const count of record.counts) survey.largestCount = Math.max(survey.largestCount, count);
    hasBlind ||= record.blindFraction !== undefined;
  }
  endSession();
  return { ...survey, trialsPerSession, hasBlind, restarts };
}

function noteWidths(
  widths: { sources: number; inputs: number; electrodes: number },
  record: TrialRecord | TrialUncountedRecord,
  where: string,
): void {
  const found = {
    sources: record.sources.length,
    inputs: record.inputs.length,
    ...(record.type === 'trial' && { electrodes: record.counts.length }),
  };
  const before = { ...widths };
  Object.assign(widths, found);
  const isNew = before.sources === 0 && before.inputs === 0;
  const hasElectrodes = before.electrodes === 0 || widths.electrodes === before.electrodes;
  if (isNew || (before.sources === widths.sources && before.inputs === widths.inputs && hasElectrodes)) return;
  throw new MeaError('bad-format', {
    what: 'A trial of the ledger has other columns than those before it',
    got: `${widths.sources} sources, ${widths.inputs} inputs, ${widths.electrodes} electrodes`,
    wanted: `${before.sources} sources, ${before.inputs} inputs, ${before.electrodes} electrodes`,
    where: `${where}, session ${record.session}, trial ${record.trial}`,
  });
}

/**
 * The trials of a recording in the order in which they were carried out. A trial of a session that began anew afterwards does
 * not count, for the reason `session-restarted`.
 */
export async function* readTrialRows(
  contents: RecordingContents,
  { restarts }: Pick<TrialSurvey, 'restarts'>,
): AsyncGenerator<TrialRow> {
  const seen = new Map<number, number>();
  for await (const record of contents.ledger()) {
    if (record.type === 'session-restarted') seen.set(record.session, (seen.get(record.session) ?? 0) + 1);
    const isVoid = (session: number): boolean => (seen.get(session) ?? 0) < (restarts.get(session) ?? 0);
    const row = toRow(record, isVoid);
    if (row !== undefined) yield row;
  }
}

function toRow(record: LedgerRecord, isVoid: (session: number) => boolean): TrialRow | undefined {
  if (record.type !== 'trial' && record.type !== 'trial-uncounted') return undefined;
  const { session, trial, sources, inputs, atSample, delivery, deliveredSample, window } = record;
  const common = { session, trial, sources, inputs, atSample, delivery, deliveredSample, window };
  if (record.type === 'trial-uncounted') return { ...common, isCounted: false, reason: record.reason };
  const { counts, blindFraction } = record;
  const isCounted = !isVoid(session);
  return {
    ...common,
    isCounted,
    reason: isCounted ? '' : 'session-restarted',
    counts,
    ...(blindFraction !== undefined && { blindFraction }),
  };
}
