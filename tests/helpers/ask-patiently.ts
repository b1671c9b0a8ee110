import type { CheckResult } from '../../drivers/conformance/conformance-check.js';

/** How often a check that fails is run in all. */
const ATTEMPTS = 4;

/** What a run of the conformance kit said about one check. */
export type KitResult = Pick<CheckResult, 'id'> & { readonly outcome: { readonly type: string } };

/**
 * Runs the conformance kit in real time, and the checks that failed again, each by itself: a machine that is busy
 * elsewhere holds a device up now and then, and a promise that is broken is broken every time.
 *
 * @param run runs all checks, or those whose id begins so
 * @returns the last result of each check, in the order of the first run
 */
export async function askPatiently<Result extends KitResult>(
  run: (only?: string) => Promise<readonly Result[]>,
): Promise<readonly Result[]> {
  const last = new Map((await run()).map((result) => [result.id, result]));
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    for (const { id, outcome } of last.values()) {
      if (outcome.type !== 'failed') continue;
      for (const again of await run(id)) if (again.id === id) last.set(id, again);
    }
  }
  return [...last.values()];
}
