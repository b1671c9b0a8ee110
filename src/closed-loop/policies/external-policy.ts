import { z } from 'zod';
import type { PolicyFallback } from '../../../protocols/ledger.js';
import type { Experiment } from '../experiment.js';
import {
  sliceTrials,
  type PatternDecision,
  type PatternPolicy,
  type PlannedPolicy,
  type TrialHistory,
} from '../pattern-policy.js';

/** The way to a program that decides patterns. */
export interface PolicyLink {
  /** Sends a question, as text. False where nobody is there to take it. */
  send(question: string): Promise<boolean>;
  /** The next answer, or undefined when none has come after `timeoutMs` or when the run is being stopped. */
  receive(timeoutMs: number): Promise<string | undefined>;
}

export interface ExternalChoice {
  readonly link: PolicyLink;
  /** From the question to the answer, in milliseconds of the host's clock. */
  readonly deadlineMs: number;
  /** Decides where the program does not. */
  readonly fallback: PlannedPolicy;
  /** Host time in milliseconds, never going back. */
  readonly nowMs: () => number;
}

/**
 * Patterns from another program, one trial at a time: each question tells of the last trial and its response
 * (docs/external-policy.md). When no answer comes before the deadline, or one that is no pattern of the experiment, the fallback
 * policy decides the trial and the decision says why. Answers to earlier questions are late and dropped.
 *
 * It is not repeatable by itself: replay and resume wrap it in `repeatRecorded`.
 */
export function externalPolicy(experiment: Experiment, choice: ExternalChoice): PatternPolicy {
  return {
    name: 'external',
    async nextTrials(session, from, history) {
      const answer = await askForTrial(experiment, choice, { session, trial: from, history });
      if (answer.type === 'pattern') return answer.pattern;
      const { type: cause, detail } = answer;
      return { ...sliceTrials(choice.fallback.nextTrials(session, from), 0, 1), fallbacks: [{ cause, detail }] };
    },
  };
}

interface Question {
  readonly session: number;
  readonly trial: number;
  readonly history: TrialHistory;
}

type Answer =
  | { readonly type: 'pattern'; readonly pattern: PatternDecision }
  | { readonly type: PolicyFallback['cause']; readonly detail: string };

async function askForTrial(experiment: Experiment, choice: ExternalChoice, question: Question): Promise<Answer> {
  const { link, deadlineMs, nowMs } = choice;
  const due = nowMs() + deadlineMs;
  if (!(await link.send(JSON.stringify(toQuestion(experiment, question))))) {
    return { type: 'deadline', detail: 'no program is connected' };
  }
  for (;;) {
    const text = await link.receive(Math.max(0, due - nowMs()));
    if (text === undefined) return { type: 'deadline', detail: `no answer in ${deadlineMs} ms` };
    const answer = readAnswer(experiment, question, text);
    if (answer !== 'late') return answer;
  }
}

function toQuestion(experiment: Experiment, { session, trial, history }: Question) {
  const { sources, inputsPerBlock } = experiment;
  return {
    version: 1,
    session,
    trial,
    sources,
    inputs: sources * inputsPerBlock,
    last: lastTrial(experiment, { session, trial, history }),
  };
}

function lastTrial({ trials }: Experiment, { session, trial, history: { table } }: Question) {
  const row = session * trials + trial - 1;
  if (row < 0) return null;
  const digits = (values: Uint8Array, width: number) => values.subarray(row * width, (row + 1) * width).join('');
  return {
    session: Math.floor(row / trials),
    trial: row % trials,
    sources: digits(table.sources, table.sourceCount),
    inputs: digits(table.inputs, table.inputCount),
    counts: Array.from(table.counts.subarray(row * table.electrodeCount, (row + 1) * table.electrodeCount)),
  };
}

const answerSchema = z.object({ session: z.int(), trial: z.int(), sources: z.string(), inputs: z.string() });

function readAnswer(experiment: Experiment, { session, trial }: Question, text: string): Answer | 'late' {
  const bad = (detail: string): Answer => ({ type: 'bad-answer', detail });
  const parsed = answerSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue === undefined || issue.path.length === 0 ? 'it' : issue.path.join('.');
    return bad(`no answer: ${field}: ${issue?.message ?? '?'}`);
  }
  const { data } = parsed;
  const asked = session * experiment.trials + trial;
  const answered = data.session * experiment.trials + data.trial;
  if (answered < asked && data.trial >= 0 && data.trial < experiment.trials) return 'late';
  if (data.session !== session || data.trial !== trial) {
    return bad(`for session ${data.session}, trial ${data.trial} in place of session ${session}, trial ${trial}`);
  }
  const sources = toBits(data.sources, experiment.sources);
  const inputs = toBits(data.inputs, experiment.sources * experiment.inputsPerBlock);
  if (typeof sources === 'string') return bad(`sources: ${sources}`);
  if (typeof inputs === 'string') return bad(`inputs: ${inputs}`);
  return { type: 'pattern', pattern: { trials: 1, sources, inputs, lookedAt: 'all' } };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Digits 0 and 1 as numbers, or what is wrong with them. */
function toBits(digits: string, length: number): Uint8Array | string {
  if (digits.length !== length) return `${digits.length} digits in place of ${length}`;
  const odd = /[^01]/.exec(digits);
  return odd === null ? Uint8Array.from(digits, Number) : `${JSON.stringify(odd[0])} in place of 0 or 1`;
}
