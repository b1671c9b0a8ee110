import { MeaError } from '../../protocols/errors.js';
import type { ArmingRecord } from '../../protocols/ledger.js';
import type { TrialSourceDescription } from '../../protocols/trial.js';
import { experimentSchema, type Experiment } from '../closed-loop/experiment.js';
import { rigSchema, type Rig } from '../closed-loop/rig.js';
import { readLedger, startOf, type StoredLedger } from '../recording/ledger-reader.js';
import type { RunFolder } from '../recording/run-folder.js';

/** A recorded run with its experiment and rig, checked again. */
export interface RecordedExperiment {
  readonly ledger: StoredLedger;
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly source: TrialSourceDescription;
  readonly arming: ArmingRecord | undefined;
}

/** @throws MeaError `missing` or `bad-format` for a folder that holds no recording this program understands */
export function readRecordedExperiment(folder: RunFolder): RecordedExperiment {
  return checkRecordedExperiment(readLedger(folder.path));
}

/** @throws MeaError `missing` or `bad-format` for a ledger of no experiment that this program understands */
export function checkRecordedExperiment(ledger: StoredLedger): RecordedExperiment {
  const start = startOf(ledger);
  const experiment = experimentSchema.safeParse(start.experiment);
  const rig = rigSchema.safeParse(start.rig);
  const issue = experiment.error?.issues[0] ?? rig.error?.issues[0];
  if (!experiment.success || !rig.success) {
    throw new MeaError('bad-format', {
      what: 'The recorded experiment is not valid',
      got: `${issue?.path.join('.') ?? '?'}: ${issue?.message ?? '?'}`,
      where: `${ledger.path}, the first record`,
    });
  }
  // What an older recording did not say is what the defaults say now.
  const completed = { ...start, experiment: experiment.data, rig: rig.data };
  const records = ledger.records.map((record) => (record === start ? completed : record));
  return {
    ledger: { ...ledger, records },
    experiment: experiment.data,
    rig: rig.data,
    source: start.source,
    arming: start.arming,
  };
}
