import type { CultureAnalysis, FittedCulture } from '../model/analysis.js';
import { isSourceOn, stateCountOf } from '../model/states.js';

/**
 * Kinds of states as one ensemble sees them; with two sources each is one state.
 *
 * - `own`: only the ensemble's own source is on
 * - `other`: only one other source is on
 * - `ownAndOthers`: its own and at least one other
 * - `others`: at least two others, not its own; exists from three sources on
 * - `none`: no source is on
 */
export const RESPONSE_CATEGORIES = ['own', 'other', 'ownAndOthers', 'others', 'none'] as const;
export type ResponseCategory = (typeof RESPONSE_CATEGORIES)[number];

/** One ensemble's responses in one kind of state. */
export interface CategoryCourse {
  readonly category: ResponseCategory;
  /** The states in it, as bits of source 1, 2, ...: `10`. */
  readonly states: readonly string[];
  /** (T) spikes per trial, mean over the states that the session has; NaN where it has none */
  readonly values: Float64Array;
}

/** The kind of a state for ensemble `a`. */
export function categoryOf(state: number, a: number, sourceCount: number): ResponseCategory {
  let others = 0;
  for (let k = 0; k < sourceCount; k++) if (k !== a && isSourceOn(state, k, sourceCount)) others++;
  if (isSourceOn(state, a, sourceCount)) return others === 0 ? 'own' : 'ownAndOthers';
  if (others === 0) return 'none';
  return others === 1 ? 'other' : 'others';
}

/** The responses of ensemble `a` by kind of state, over sessions; kinds without a state are left out. */
export function categoryCourses(
  { design }: CultureAnalysis,
  { responses }: FittedCulture,
  a: number,
): readonly CategoryCourse[] {
  const { sourceCount, sessions } = design;
  const states = stateCountOf(sourceCount);
  return RESPONSE_CATEGORIES.flatMap((category) => {
    const members = Array.from({ length: states }, (_, state) => state).filter(
      (state) => categoryOf(state, a, sourceCount) === category,
    );
    if (members.length === 0) return [];
    const values = Float64Array.from({ length: sessions }, (_, t) =>
      meanOfFinite(members.map((state) => responses[(a * states + state) * sessions + t]!)),
    );
    return [{ category, states: members.map((state) => state.toString(2).padStart(sourceCount, '0')), values }];
  });
}

function meanOfFinite(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  return finite.reduce((sum, value) => sum + value, 0) / finite.length;
}
