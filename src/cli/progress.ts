import type { Experiment } from '../closed-loop/experiment.js';
import type { ExperimentProgress } from '../closed-loop/run-experiment.js';
import type { CliIo } from './io.js';

/** Shows how far a run has come. */
export interface ProgressDisplay {
  update(progress: ExperimentProgress): void;
  stop(): void;
}

/** Trials between two updates of the display. */
const UPDATE_TRIALS = 64;

/** A bar on a terminal: session, trial, selectivity, free energy, time left; nothing elsewhere. */
export async function openProgress(experiment: Experiment, io: CliIo): Promise<ProgressDisplay> {
  if (!io.isTerminal) return { update: () => undefined, stop: () => undefined };
  const { SingleBar } = await import('cli-progress');
  const total = experiment.sessions * experiment.trials;
  const bar = new SingleBar({
    format:
      'session {session}/{sessions} trial {trial} |{bar}| {percentage} % selectivity {selectivity} L {energy} {eta_formatted} left',
    stream: process.stderr,
    noTTYOutput: false,
    clearOnComplete: true,
    hideCursor: false,
  });
  const payload = { sessions: experiment.sessions, session: 0, trial: 0, selectivity: '-', energy: '-' };
  bar.start(total, 0, payload);
  return {
    update({ session, trials, last }) {
      if (trials % UPDATE_TRIALS !== 0 && trials !== experiment.trials) return;
      bar.update(session * experiment.trials + trials, {
        session: session + 1,
        trial: trials,
        selectivity: last?.selectivity?.toFixed(2) ?? '-',
        energy: last?.freeEnergy?.toFixed(0) ?? '-',
      });
    },
    stop: () => {
      bar.stop();
    },
  };
}

/** Shows which share of something long is done, and how long it still takes. */
export interface ShareProgress {
  readonly update: (share: number) => void;
  readonly stop: () => void;
}

/** Carries out something long that tells how far it is, under a bar. */
export async function withShareProgress<T>(
  word: string,
  io: CliIo,
  carryOut: (options: { readonly signal: AbortSignal; readonly onProgress: (share: number) => void }) => Promise<T>,
): Promise<T> {
  const { update, stop } = await openShareProgress(word, io);
  try {
    return await carryOut({ signal: io.signal, onProgress: update });
  } finally {
    stop();
  }
}

/** A bar on a terminal; nothing elsewhere. */
export async function openShareProgress(word: string, io: CliIo): Promise<ShareProgress> {
  if (!io.isTerminal) return { update: () => undefined, stop: () => undefined };
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: `${word} |{bar}| {percentage} % {eta_formatted} left`,
    stream: process.stderr,
    clearOnComplete: true,
    hideCursor: false,
  });
  const steps = 1000;
  bar.start(steps, 0);
  return {
    update: (share) => {
      bar.update(Math.round(share * steps));
    },
    stop: () => {
      bar.stop();
    },
  };
}
