/**
 * The public API of meactl. What is exported here is kept stable; everything else may change without notice.
 */
export { MeaError, isMeaError, type ErrorDetails, type ErrorTag } from '../protocols/errors.js';
export { hertz, milliseconds, sampleIndex, seconds } from '../protocols/units.js';
export type { Hertz, Milliseconds, SampleIndex, Seconds } from '../protocols/units.js';
export { openRandomStream, type RandomStream } from '../protocols/random.js';
export { drawPattern, type MixingDesign, type StimulusPattern } from '../protocols/mixed-sources.js';
export { assertResponseTable, type ResponseTable } from '../protocols/responses.js';
export {
  isResumable,
  type Delivery,
  type Provenance,
  type ResumableSource,
  type TrialRequest,
  type TrialResponse,
  type TrialSource,
  type TrialSourceDescription,
} from '../protocols/trial.js';
export type { Clock } from '../protocols/clock.js';
export type { LatencyRecord, LedgerRecord, LedgerSink, TrialRecord } from '../protocols/ledger.js';
export { createReplaySource, type RecordedTrials } from '../drivers/replay-source.js';
export { systemClock, virtualClock } from './clock.js';
export { experimentSchema, toDesign, type Experiment } from './closed-loop/experiment.js';
export { rigSchema, stimulatedElectrodes, type Rig } from './closed-loop/rig.js';
export { openSignalSource, type SignalSourceOptions, type TrialPulse } from './closed-loop/signals/signal-source.js';
export type { SignalRig } from './closed-loop/signals/signal-rig.js';
export { startRigWorker, type RigWorkerOptions } from './pipeline/worker/start-rig-worker.js';
export type { RigWorker } from './pipeline/worker/rig-worker.js';
export {
  mixedSourcePolicy,
  type PatternDecision,
  type PatternPolicy,
  type TrialHistory,
} from './closed-loop/pattern-policy.js';
export { createPolicy, type PolicyNeeds } from './closed-loop/policies/create-policy.js';
export {
  runExperiment,
  type ExperimentProgress,
  type ExperimentResult,
  type ExperimentRun,
} from './closed-loop/run-experiment.js';
export {
  analyseCulture,
  type AnalysisMode,
  type AnalysisOptions,
  type Baseline,
  type Comparison,
  type CultureAnalysis,
  type EnergyEvidence,
  type EnsembleNotFound,
  type FittedCulture,
  type GroupStability,
} from './model/analysis.js';
export type { ExperimentDesign, ModelArrays } from './model/model-run.js';
export {
  createOnlineModel,
  endOnlineSession,
  fitCausal,
  observeOnlineTrial,
  type ObservedTrial,
  type OnlineModel,
  type OnlineModelOptions,
  type TrialEstimate,
} from './model/online-model.js';
export { judgeLearning, type Verdict, type VerdictAnswer } from './model/verdict.js';
export { compareCultures } from './model/compare-cultures.js';
export type { CultureComparison, CultureRow } from './model/culture-comparison.js';
export { createPomdpAgent, drawInitialCounts, inferSources, learnTrial, runPomdpAgent } from './model/pomdp-agent.js';
export {
  countsOfStrength,
  meanModel,
  networkOutput,
  toDirichletCounts,
  toGenerativeModel,
  toNetwork,
  toPlasticityTotals,
} from './model/generative-mapping.js';
export { readResponseFile, type ResponseFile } from './recording/response-file.js';
export { readLedger, type StoredLedger } from './recording/ledger-reader.js';
export { toFitOutput, type FitOutput, type NamedAnalysis } from './report/fit-output.js';
export { renderReport, type ReportInput } from './report/render-report.js';
