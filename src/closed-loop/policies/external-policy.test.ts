import { describe, expect, it } from 'vitest';
import type { TrialRecord } from '../../../protocols/ledger.js';
import { runSmall, smallExperiment, toLines } from '../../../tests/helpers/small-experiment.js';
import { mixedSourcePolicy } from '../pattern-policy.js';
import { externalPolicy, type PolicyLink } from './external-policy.js';
import { repeatRecorded } from './recorded-policy.js';

const SMALL = smallExperiment({ policy: { type: 'external' } });
const SOURCES = '01';
const INPUTS = '01'.repeat(16);

interface Asked {
  readonly session: number;
  readonly trial: number;
  readonly last: Readonly<Record<string, unknown>> | null;
}

function isAsked(value: unknown): value is Asked {
  return typeof value === 'object' && value !== null && 'trial' in value && 'last' in value;
}

/** A program that answers each question with some texts, in virtual time: each wait that is in vain takes its time. */
function scripted(answer: (asked: Asked) => readonly unknown[]) {
  const asked: Asked[] = [];
  let nowMs = 0;
  let waiting: string[] = [];
  const link: PolicyLink = {
    send(question) {
      const value: unknown = JSON.parse(question);
      if (!isAsked(value)) throw new Error(`no question: ${question}`);
      asked.push(value);
      waiting.push(...answer(value).map((part) => (typeof part === 'string' ? part : JSON.stringify(part))));
      return Promise.resolve(true);
    },
    receive(timeoutMs) {
      const next = waiting.shift();
      if (next === undefined) nowMs += timeoutMs;
      return Promise.resolve(next);
    },
  };
  const policy = externalPolicy(SMALL, {
    link,
    deadlineMs: 50,
    fallback: mixedSourcePolicy(SMALL),
    nowMs: () => nowMs,
  });
  return { policy, asked, nowMs: () => nowMs, forget: () => (waiting = []) };
}

const good = ({ session, trial }: Asked) => ({ session, trial, sources: SOURCES, inputs: INPUTS });

function trialsOf(records: readonly { readonly type: string }[]): readonly TrialRecord[] {
  return records.filter((record): record is TrialRecord => record.type === 'trial');
}

describe('the external policy', () => {
  it('shows what the program answers, and tells it of every response', async () => {
    const program = scripted((asked) => [good(asked)]);
    const { ledger, result } = await runSmall(SMALL, { policy: program.policy });
    const trials = trialsOf(ledger.records);
    expect(trials.map(({ sources, inputs, fallback }) => [sources, inputs, fallback])).toEqual(
      Array.from({ length: 32 }, () => [SOURCES, INPUTS, undefined]),
    );
    expect(result!.fallbacks).toEqual({ deadline: 0, badAnswer: 0 });
    expect(program.asked[0]).toEqual({ version: 1, session: 0, trial: 0, sources: 2, inputs: 32, last: null });
    expect(program.asked.slice(1).map(({ last }) => last)).toEqual(
      trials
        .slice(0, -1)
        .map(({ session, trial, sources, inputs, counts }) => ({ session, trial, sources, inputs, counts })),
    );
  });

  it('says from which samples the program decided: all that it was told of, and none where the fallback did', async () => {
    const program = scripted((asked) => (asked.trial === 2 ? [] : [good(asked)]));
    const { ledger } = await runSmall(SMALL, { policy: program.policy });
    const trials = trialsOf(ledger.records);
    const [first] = trials[0]!.window;
    expect(trials.map(({ decidedFrom }) => decidedFrom)).toEqual(
      trials.map(({ trial }, i) => (i === 0 || trial === 2 ? undefined : [[first, trials[i - 1]!.window[1]]])),
    );
  });

  it('falls back when the deadline has passed, and takes no late answer for the next trial', async () => {
    // The answer to trial 2 comes with that to trial 3.
    const program = scripted((asked) => {
      if (asked.trial === 2) return [];
      return asked.trial === 3 ? [good({ ...asked, trial: 2 }), good(asked)] : [good(asked)];
    });
    const { ledger, result } = await runSmall(SMALL, { policy: program.policy });
    const trials = trialsOf(ledger.records);
    const mixed = mixedSourcePolicy(SMALL).nextTrials(0, 2);
    expect(trials[2]!.inputs).toBe(mixed.inputs.slice(0, 32).join(''));
    expect(trials.filter(({ fallback }) => fallback !== undefined).map(({ trial }) => trial)).toEqual([2, 2, 2, 2]);
    expect(trials[2]!.fallback).toEqual({ cause: 'deadline', detail: 'no answer in 50 ms' });
    expect(trials[3]!.inputs).toBe(INPUTS);
    expect(result!.fallbacks).toEqual({ deadline: 4, badAnswer: 0 });
    expect(program.nowMs()).toBe(200);
  });

  const bad: readonly (readonly [what: string, answer: (asked: Asked) => unknown, detail: RegExp])[] = [
    ['no JSON', () => '{"session":', /no answer: it: .*expected object/],
    ['something else', () => ({ inputs: INPUTS }), /no answer: session/],
    ['an answer that is too short', (asked) => ({ ...good(asked), inputs: '01' }), /inputs: 2 digits in place of 32/],
    ['a digit too many', (asked) => ({ ...good(asked), sources: '010' }), /sources: 3 digits in place of 2/],
    [
      'a digit that is none',
      (asked) => ({ ...good(asked), inputs: INPUTS.replace('1', '2') }),
      /inputs: "2" in place of 0 or 1/,
    ],
    [
      'another trial',
      (asked) => ({ ...good(asked), trial: asked.trial + 1 }),
      /session 0, trial 1 in place of session 0, trial 0/,
    ],
    ['a trial that cannot be', (asked) => ({ ...good(asked), trial: -1 }), /trial -1 in place of/],
  ];
  it.each(bad)('refuses %s, says so in the ledger and falls back', async (_, answer, detail) => {
    const program = scripted((asked) => [asked.session === 0 && asked.trial === 0 ? answer(asked) : good(asked)]);
    const { ledger, result } = await runSmall(SMALL, { policy: program.policy });
    const [first, second] = trialsOf(ledger.records);
    expect(first!.fallback?.cause).toBe('bad-answer');
    expect(first!.fallback?.detail).toMatch(detail);
    expect(first!.inputs).toBe(mixedSourcePolicy(SMALL).nextTrials(0, 0).inputs.slice(0, 32).join(''));
    expect(second!.inputs).toBe(INPUTS);
    expect(result!.fallbacks).toEqual({ deadline: 0, badAnswer: 1 });
  });

  it('falls back at once where nobody is connected', async () => {
    const link: PolicyLink = { send: () => Promise.resolve(false), receive: () => Promise.reject(new Error('asked')) };
    const policy = externalPolicy(SMALL, { link, deadlineMs: 50, fallback: mixedSourcePolicy(SMALL), nowMs: () => 0 });
    const { ledger } = await runSmall(SMALL, { policy });
    expect(trialsOf(ledger.records)[31]!.fallback).toEqual({ cause: 'deadline', detail: 'no program is connected' });
  });

  it('is repeated from its records, with its fallbacks, and asked again only after them', async () => {
    const program = scripted((asked) => (asked.trial === 5 ? [] : [good(asked)]));
    const { ledger } = await runSmall(SMALL, { policy: program.policy });
    const again = await runSmall(SMALL, { policy: repeatRecorded(ledger.records, undefined) });
    expect(toLines(again.ledger.records)).toBe(toLines(ledger.records));
    expect(trialsOf(again.ledger.records).filter(({ decidedFrom }) => decidedFrom !== undefined)).toHaveLength(27);
    const some = ledger.records.slice(0, 12);
    const next = scripted((asked) => [good(asked)]);
    const continued = await runSmall(SMALL, { policy: repeatRecorded(some, next.policy) });
    expect(next.asked).toHaveLength(32 - trialsOf(some).length);
    expect(toLines(continued.ledger.records.slice(0, 12))).toBe(toLines(some));
    await expect(runSmall(SMALL, { policy: repeatRecorded(some, undefined) })).rejects.toThrow(
      /ends before the experiment/,
    );
  });
});
