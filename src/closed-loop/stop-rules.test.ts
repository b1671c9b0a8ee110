import { describe, expect, it } from 'vitest';
import { smallExperiment } from '../../tests/helpers/small-experiment.js';
import type { StoppedRecord } from '../../protocols/ledger.js';
import { createStopWatch, describeStop, type InitialFigures, type SessionFigures } from './stop-rules.js';
import { stopSectionSchema, type StopSection } from './stop-section.js';

const CALM = { meanCount: 2, silentShare: 0.1, selectivity: 1, xSelectivity: 0.2 };
const INITIAL: InitialFigures = { meanCount: 2, selectivity: 1 };
const INITIAL_SESSIONS = 2;

/** The stop that a course of sessions comes to; the first two calibrate. */
function stopOf(section: unknown, course: readonly Partial<SessionFigures>[]): StoppedRecord | undefined {
  const watch = createStopWatch(stopSectionSchema.parse(section));
  for (const [session, figures] of course.entries()) {
    const initial = session < INITIAL_SESSIONS ? undefined : INITIAL;
    const stop = watch?.next({ session, ...CALM, ...figures }, initial);
    if (stop !== undefined) return stop;
  }
  return undefined;
}

const repeat = (figures: Partial<SessionFigures>, times: number): Partial<SessionFigures>[] =>
  Array.from({ length: times }, () => figures);

describe('stop rules', () => {
  it('are all off unless asked for', () => {
    expect(createStopWatch(smallExperiment().stop)).toBeUndefined();
  });

  it.each<{
    readonly name: string;
    readonly stop: StopSection;
    readonly beyond: Partial<SessionFigures>;
    readonly within: Partial<SessionFigures>;
    readonly record: Partial<StoppedRecord>;
  }>([
    {
      name: 'selectivity reached in counts',
      stop: { selectivityReached: { measure: 'counts', atLeast: 2, sessions: 3 } },
      beyond: { selectivity: 2 },
      within: { selectivity: 1.999 },
      record: { rule: 'selectivityReached', measure: 'selectivity', value: 2, limit: 2 },
    },
    {
      name: 'selectivity reached in x',
      stop: { selectivityReached: { measure: 'x', atLeast: 0.3, sessions: 3 } },
      beyond: { xSelectivity: 0.3 },
      within: { xSelectivity: 0.29, selectivity: 9 },
      record: { rule: 'selectivityReached', measure: 'x-selectivity', value: 0.3, limit: 0.3 },
    },
    {
      name: 'drift of the mean count, down',
      stop: { drift: { meanCountShare: 0.5, sessions: 3 } },
      beyond: { meanCount: 0.8 },
      within: { meanCount: 1 },
      record: { rule: 'drift', measure: 'mean-count-share', value: -0.6, limit: 0.5 },
    },
    {
      name: 'drift of the preference, up',
      stop: { drift: { selectivity: 0.5, sessions: 3 } },
      beyond: { selectivity: 1.75 },
      within: { selectivity: 1.5 },
      record: { rule: 'drift', measure: 'selectivity', value: 0.75, limit: 0.5 },
    },
    {
      name: 'a dead culture by its mean count',
      stop: { deadCulture: { meanCountBelow: 0.1, sessions: 3 } },
      beyond: { meanCount: 0.09 },
      within: { meanCount: 0.1 },
      record: { rule: 'deadCulture', measure: 'mean-count', value: 0.09, limit: 0.1 },
    },
    {
      name: 'a dead culture by its silent electrodes',
      stop: { deadCulture: { silentShareAbove: 0.6, sessions: 3 } },
      beyond: { silentShare: 0.61 },
      within: { silentShare: 0.6 },
      record: { rule: 'deadCulture', measure: 'silent-share', value: 0.61, limit: 0.6 },
    },
  ])('stop for $name, after as many sessions in a row', ({ stop, beyond, within, record }) => {
    const before = repeat(within, 2);
    expect(stopOf(stop, [...before, ...repeat(beyond, 2), within, ...repeat(beyond, 2)])).toBeUndefined();
    const found = stopOf(stop, [...before, ...repeat(beyond, 2), within, ...repeat(beyond, 5)]);
    const { value, ...others } = record;
    expect(found).toMatchObject({ type: 'stopped', session: 7, sessions: 3, ...others });
    expect(found!.value).toBeCloseTo(value!, 9);
  });

  it('say nothing of drift and selectivity while the model is calibrated, and of death at once', () => {
    const far = { meanCount: 0.01, selectivity: 50 };
    expect(stopOf({ selectivityReached: { atLeast: 2, sessions: 1 } }, [far, far])).toBeUndefined();
    expect(stopOf({ drift: { meanCountShare: 0.1, sessions: 1 } }, [far, far])).toBeUndefined();
    expect(stopOf({ deadCulture: { meanCountBelow: 0.1, sessions: 1 } }, [far])).toMatchObject({ session: 0 });
  });

  it('take a session that cannot tell for none in the row', () => {
    const reached = { selectivity: 3 };
    const unknown = { selectivity: undefined };
    const course = [CALM, CALM, reached, unknown, reached, reached];
    expect(stopOf({ selectivityReached: { atLeast: 2, sessions: 3 } }, course)).toBeUndefined();
    expect(stopOf({ selectivityReached: { atLeast: 2, sessions: 2 } }, course)).toMatchObject({ session: 5 });
  });

  it('name one rule where two ask, the dead culture first', () => {
    const stop = { deadCulture: { meanCountBelow: 1, sessions: 1 }, drift: { meanCountShare: 0.1, sessions: 1 } };
    expect(stopOf(stop, [CALM, CALM, { meanCount: 0.5 }])).toMatchObject({ rule: 'deadCulture' });
  });

  it('refuse a rule without a limit', () => {
    for (const stop of [{ drift: {} }, { deadCulture: { sessions: 2 } }]) {
      expect(stopSectionSchema.safeParse(stop).error?.issues[0]?.message).toMatch(/or both/);
    }
    expect(stopSectionSchema.safeParse({ selectivityReached: {} }).success).toBe(false);
  });

  it('are told in words with their value and limit', () => {
    const stop = stopOf({ drift: { meanCountShare: 0.5, sessions: 1 } }, [CALM, CALM, { meanCount: 0.8 }]);
    expect(describeStop(stop!)).toBe(
      'stopped after session 3 by the rule "drift": mean count -60.0 % from the initial sessions\', limit 50.0 % in one session',
    );
    const reached = stopOf({ selectivityReached: { atLeast: 2 } }, [CALM, CALM, ...repeat({ selectivity: 2.5 }, 3)]);
    expect(describeStop(reached!)).toBe(
      'stopped after session 5 by the rule "selectivity reached": selectivity 2.500 spikes per trial, at least 2 for 3 sessions in a row',
    );
  });
});
