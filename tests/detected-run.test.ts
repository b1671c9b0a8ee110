import { statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LatencyRecord, LedgerRecord } from '../protocols/ledger.js';
import type { DetectingSource, DetectorLevels, StageLatencies, TimedSource, TrialRequest } from '../protocols/trial.js';
import { sampleIndex } from '../protocols/units.js';
import type { Experiment } from '../src/closed-loop/experiment.js';
import { segmentName } from '../src/recording/journal/journal-writer.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { renderReport } from '../src/report/render-report.js';
import { journalBytes, writeFrames, writeJournal } from './helpers/recorded-journal.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { emulatedSource, runSmall, smallExperiment, type MemoryLedger } from './helpers/small-experiment.js';

const root = temporaryFolder('detected-run');
const STAGE = { count: 3, median: 100, p99: 250, max: 1000 };
const STAGES: StageLatencies = {
  detect: STAGE,
  decide: STAGE,
  send: STAGE,
  acknowledge: STAGE,
  loop: { ...STAGE, median: 540 },
  trial: STAGE,
};
/** An electrode of the first ensemble, which this source cannot see in every 9th window. */
const BLIND = 3;

/** The emulated culture as if voltages were between: baselines, levels, host times, and an electrode that is often blind. */
function detectingSource(experiment: Experiment): DetectingSource & TimedSource {
  const source = emulatedSource(experiment);
  let levels: DetectorLevels | undefined;
  return {
    description: source.description,
    nextSample: () => source.nextSample(),
    async *run(requests: readonly TrialRequest[], signal: AbortSignal) {
      for await (const response of source.run(requests, signal)) {
        // The culture's first trial is at sample 0, before which there is nothing.
        const at = sampleIndex(response.deliveredSample + 20_000);
        levels = {
          atSample: sampleIndex(at - 2000),
          noise: 'frozen',
          noiseUv: Array.from({ length: 64 }, (_, e) => Math.fround(5 + e / 10)),
          thresholdsUv: Array.from({ length: 64 }, (_, e) => (e === BLIND ? null : 25 + e)),
        };
        const blindFraction = new Float32Array(64);
        blindFraction[BLIND] = response.trial % 3 === 0 ? Math.fround(0.3) : 0;
        yield {
          ...response,
          ...(response.trial % 3 === 0 && { blindFraction }),
          baseline: {
            window: [sampleIndex(at - 1000), sampleIndex(at - 200)],
            counts: new Uint16Array(64).fill(1),
            ...(response.trial === 0 && { blindFraction }),
          },
          usedSamples: [sampleIndex(at - 1000), sampleIndex(at + 600)],
        };
      }
    },
    rest: (duration) => source.rest(duration),
    close: () => source.close(),
    detectorLevels: () => levels,
    stageLatencies: () => Promise.resolve(STAGES),
  };
}

async function record(experiment: Experiment): Promise<MemoryLedger> {
  return (await runSmall(experiment, { source: detectingSource(experiment) })).ledger;
}

function store(name: string, records: readonly LedgerRecord[]): string {
  const folder = join(root, name);
  writeJournal(
    folder,
    records.map((record) => JSON.stringify(record)),
  );
  return folder;
}

describe('a run on a source that detects', () => {
  it('records levels once a session, samples used, baselines and blindness; a replay finds no difference', async () => {
    const experiment = smallExperiment();
    const { records } = await record(experiment);
    const levels = records.filter(({ type }) => type === 'detector-levels');
    expect(levels.map((r) => r.type === 'detector-levels' && r.session)).toEqual([0, 1, 2, 3]);
    expect(levels[0]).toMatchObject({ noise: 'frozen', thresholdsUv: { 3: null, 4: 29 } });
    const trial = records.find((r) => r.type === 'trial')!;
    const at = trial.deliveredSample + 20_000;
    expect(trial).toMatchObject({
      usedSamples: [at - 1000, at + 600],
      baseline: { window: [at - 1000, at - 200], blindFraction: { 3: Math.fround(0.3) } },
      blindFraction: { 3: Math.fround(0.3) },
    });
    const { code, stdout } = await runCli(['replay', store('whole', records)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^no difference: 50 records/);
  });

  it('does not repeat when its blindness is taken out of the recording', async () => {
    const { records } = await record(smallExperiment());
    const seeing = records.map((r) => {
      if (r.type !== 'trial') return r;
      const { blindFraction, ...rest } = r;
      return blindFraction === undefined ? r : rest;
    });
    const { code, stdout } = await runCli(['replay', store('seeing', seeing)]);
    expect(code).toBe(1);
    expect(stdout).toContain('leftOut');
  });

  it('leaves the blind electrode out of its ensembles, unless the experiment says otherwise, and fit agrees', async () => {
    const { records } = await record(smallExperiment());
    const calibrated = records.find(({ type }) => type === 'calibrated');
    expect(calibrated).toMatchObject({ leftOut: { blind: [BLIND], pulsed: [] } });
    const all = (await record(smallExperiment({ ensembleElectrodes: 'all' }))).records;
    expect(all.find(({ type }) => type === 'calibrated')).not.toHaveProperty('leftOut');
    const folder = store('fit', records);
    const fit = async (...options: readonly string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await runCli(['fit', folder, '--mode', 'causal', '--json', ...options]);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      return fitOutputSchema.parse(JSON.parse(stdout)).cultures[0]?.electrodes;
    };
    expect(await fit()).toEqual({ choice: 'seen', blind: [BLIND], pulsed: [] });
    expect(await fit('--electrodes', 'all')).toEqual({ choice: 'all', blind: [], pulsed: [] });
    expect(await fit('--electrodes', 'never-pulsed')).toMatchObject({ choice: 'never-pulsed', pulsed: { length: 32 } });
    expect((await runCli(['fit', folder, '--electrodes', 'some'])).code).toBe(2);
  });

  it('puts the host times of every step beside the ledger, and a report shows the newest', async () => {
    const { records, latencies } = await record(smallExperiment());
    expect(latencies.map(({ stagesUs }) => stagesUs)).toEqual([STAGES, STAGES, STAGES, STAGES]);
    const folder = store('latencies', records);
    const before = readLedger(folder);
    expect(before.newestLatency).toBeUndefined();
    // The newest one was being written when the program died.
    writeFrames(
      folder,
      { segment: 1, seq: records.length + 2 },
      [...latencies, { ...latencies[3]!, session: 4 }].map((latency) => ['latency', JSON.stringify(latency)]),
    );
    truncateSync(join(folder, segmentName(1)), statSync(join(folder, segmentName(1))).size - 9);
    const whole = journalBytes(folder);
    const stored = readLedger(folder);
    expect(stored.lines).toEqual(before.lines);
    expect(stored.tornBytes).toBeGreaterThan(0);
    const newest = stored.newestLatency!;
    expect(newest).toMatchObject({ session: 3, stagesUs: STAGES });
    const render = (latency: LatencyRecord): string =>
      renderReport({ title: 'A run', provenance: 'real', cultures: [], latency });
    expect(render(newest)).toContain('<td>0.540</td>');
    const { stagesUs, ...without } = newest;
    expect(stagesUs).toBeDefined();
    expect(render(without)).not.toContain('Latency');
    expect(journalBytes(folder).equals(whole)).toBe(true);
  });
});
