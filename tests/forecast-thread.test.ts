import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../protocols/errors.js';
import { packageFolder } from '../src/cli/package-info.js';
import { forecastInThread } from '../src/closed-loop/forecast-in-thread.js';
import { mixedSourcePolicy } from '../src/closed-loop/pattern-policy.js';
import { forecastHere, toForecastInput } from '../src/closed-loop/publish-forecast.js';
import type { ForecastInput } from '../src/model/forecast-input.js';
import { runSmall, smallExperiment, toLines } from './helpers/small-experiment.js';

const EXPERIMENT = smallExperiment({ sessions: 6, trials: 16, initialSessions: 3 });
/** The built program: a thread cannot start from TypeScript. */
const PROGRAM = pathToFileURL(join(packageFolder(), 'dist/src/closed-loop/forecast-thread.js'));
const idle = new AbortController().signal;

async function inputOf(): Promise<ForecastInput> {
  const { result } = await runSmall(EXPERIMENT);
  return toForecastInput(result!.model, mixedSourcePolicy(EXPERIMENT));
}

describe('a forecast in a thread', () => {
  it('has the numbers of one in the same thread, to the last digit', async () => {
    const input = await inputOf();
    const band = await forecastInThread(PROGRAM)(input, idle);
    expect(band).toBeDefined();
    expect(band).toEqual(await forecastHere(input, idle));
  });

  it('leaves the same ledger, whatever goes on meanwhile', async () => {
    const here = await runSmall(EXPERIMENT);
    const there = await runSmall(EXPERIMENT, { forecast: forecastInThread(PROGRAM) });
    expect(here.ledger.records.some(({ type }) => type === 'forecast')).toBe(true);
    expect(toLines(there.ledger.records)).toBe(toLines(here.ledger.records));
  });

  it('lets the calling thread go on', async () => {
    const input = await inputOf();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await forecastInThread(PROGRAM)(input, idle);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it('ends with the reason of an aborted signal', async () => {
    const input = await inputOf();
    const controller = new AbortController();
    const forecast = forecastInThread(PROGRAM)(input, controller.signal);
    const reason = new Error('stop');
    controller.abort(reason);
    await expect(forecast).rejects.toBe(reason);
    await expect(forecastInThread(PROGRAM)(input, controller.signal)).rejects.toBe(reason);
  });

  it('fails with an error that says so', async () => {
    const input = await inputOf();
    const absent = new URL('no-such-thread.js', PROGRAM);
    const error: unknown = await forecastInThread(absent)(input, idle).catch((failure: unknown) => failure);
    expect(isMeaError(error, 'internal') && error.details.what).toBe('The forecast failed');
  });
});
