import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { drawPattern } from '../protocols/mixed-sources.js';
import { openRandomStream } from '../protocols/random.js';
import type { ResponseTable } from '../protocols/responses.js';
import { simulateResponses } from '../sim-device/simulate-responses.js';
import { fitPublished, publishedTraces } from '../src/model/fit-published.js';
import { finalJointLikelihood } from '../src/model/model-run.js';
import { createOnlineModel, endOnlineSession, observeOnlineTrial } from '../src/model/online-model.js';
import { designOf } from '../src/model/analysis.js';
import { readResponseFile } from '../src/recording/response-file.js';
import { machineRate, medianOf, printLine, quantileOf, timeRuns } from './measure.js';

// Six cultures, ensembles to qA1, without comparators, surrogates and report: the figure asked for is 15 ms a culture.
const RUNS = 20;
const DESIGN = { initialSessions: 10, mixing: 0.25 };

async function sixCultures(): Promise<{ readonly name: string; readonly tables: readonly ResponseTable[] }> {
  const path = resolve(process.env.MEACTL_DATA ?? '../shared/data', 'isomura2023/response_data_bic.mat');
  if (existsSync(path))
    return { name: 'the six published bic cultures', tables: (await readResponseFile(path)).tables };
  const emulate = (seed: number): ResponseTable =>
    simulateResponses(
      { parameters: 'bic', plasticity: 'free-energy', condition: 'none', seed },
      {
        sessions: 100,
        patterns: drawPattern(
          { sourceCount: 2, mixing: 0.25, inputsPerBlock: 16 },
          256,
          openRandomStream(seed, 'pattern'),
        ),
      },
    );
  return { name: 'six emulated bic cultures (no published data here)', tables: [1, 2, 3, 4, 5, 6].map(emulate) };
}

function fitOnce(table: ResponseTable): void {
  const culture = publishedTraces(table, DESIGN.initialSessions);
  const design = designOf(table, DESIGN);
  finalJointLikelihood(fitPublished(table, culture, { design, baseline: culture.ownBaseline }));
}

/** Microseconds of every trial's update after calibration, and of every session's end. */
function timeStream(table: ResponseTable): { readonly trials: number[]; readonly sessions: number[] } {
  const model = createOnlineModel({
    design: designOf(table, DESIGN),
    electrodes: table.electrodeCount,
    baseline: 'own',
  });
  const { sourceCount, inputCount, electrodeCount, trialsPerSession } = table;
  const trials: number[] = [];
  const sessions: number[] = [];
  for (let row = 0; row < table.sessions * trialsPerSession; row++) {
    const trial = {
      sources: table.sources.subarray(row * sourceCount, (row + 1) * sourceCount),
      inputs: table.inputs.subarray(row * inputCount, (row + 1) * inputCount),
      counts: table.counts.subarray(row * electrodeCount, (row + 1) * electrodeCount),
    };
    const started = performance.now();
    observeOnlineTrial(model, trial);
    trials.push((performance.now() - started) * 1000);
    if ((row + 1) % trialsPerSession !== 0) continue;
    const ending = performance.now();
    endOnlineSession(model);
    sessions.push((performance.now() - ending) * 1000);
  }
  return { trials, sessions };
}

const { name, tables } = await sixCultures();
const times = timeRuns(
  () => {
    tables.forEach(fitOnce);
  },
  { runs: RUNS, warmUp: 8 },
).map((time) => time / tables.length);
printLine(`machine: ${machineRate().toFixed(0)} MB/s of a plain sum over 16-bit numbers`);
printLine(`published analysis, ${name}: median of ${RUNS} warm runs ${medianOf(times).toFixed(1)} ms per culture`);
printLine(`  least ${Math.min(...times).toFixed(1)}, most ${Math.max(...times).toFixed(1)} ms; asked for: at most 15`);

timeStream(tables[0]!);
const { trials, sessions } = timeStream(tables[0]!);
printLine(
  `streaming update per trial: median ${medianOf(trials).toFixed(2)} us, p99 ${quantileOf(trials, 0.99).toFixed(2)} us`,
);
printLine(`  end of a session: median ${medianOf(sessions).toFixed(0)} us; asked for: at most 5 us median per trial`);
