import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { openRecording } from '../src/recording/open-recording.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';

const root = temporaryFolder('report-spikes');
const experiment = join(root, 'small.yaml');
writeFileSync(experiment, smallExperimentFile({ sessions: 4, trials: 16 }));

/** Figures about spikes in a report, by title. */
function spikeFigures(report: string): ReadonlyMap<string, Element> {
  const { document } = parseHTML(readFileSync(report, 'utf8'));
  return new Map(
    Array.from(document.querySelectorAll('figure'), (figure): [string, Element] => [
      figure.querySelector('h3')?.textContent.replace(/^Figure [\d.]+ /, '') ?? '',
      figure,
    ]).filter(([title]) => /stimulus|trials/i.test(title)),
  );
}

describe('the report of a run', () => {
  it('on voltages has histograms and rasters of its spikes, and so has that of its fit', async () => {
    const out = join(root, 'voltages');
    expect((await runCli(['run', experiment, '--rig', 'emulated-voltages', '--out', out])).code).toBe(0);
    const figures = spikeFigures(join(out, 'report.html'));
    expect([...figures.keys()]).toEqual(['Spikes around the stimulus', 'Single trials']);
    const histograms = figures.get('Spikes around the stimulus')!;
    expect(histograms.querySelectorAll('svg.plot')).toHaveLength(4);
    expect(histograms.querySelector('.words')?.textContent).toMatch(
      /could not see \d\.\d+ ms of the 150 ms on average, the latest \d+ ms after the stimulus, and none of the response window/,
    );
    expect(histograms.textContent).not.toContain('does not hold');
    for (const drawing of figures.get('Single trials')!.querySelectorAll('svg.plot')) {
      expect(drawing.getAttribute('aria-label')).toMatch(/Spikes on electrode \d+ of ensemble [12].*source 1 alone/);
    }

    const report = join(root, 'fit.html');
    expect((await runCli(['fit', out, '--electrodes', 'all', '--report', report])).code).toBe(0);
    expect([...spikeFigures(report).keys()]).toEqual([...figures.keys()]);
  });

  it('counts in its table what the ledger counted in the response windows', async () => {
    const out = join(root, 'voltages');
    let spikes = 0;
    let trials = 0;
    let members: readonly number[] = [];
    const recording = openRecording(out);
    for await (const record of recording.ledger()) if (record.type === 'calibrated') members = record.ensembles[0]!;
    for await (const record of recording.ledger()) {
      if (record.type !== 'trial' || record.session >= 2 || record.sources !== '10') continue;
      trials += 1;
      for (const electrode of members) spikes += record.counts[electrode]!;
    }
    await recording.close();
    const figures = spikeFigures(join(out, 'report.html'));
    const cells = Array.from(
      figures.get('Spikes around the stimulus')!.querySelectorAll('tbody tr')[0]!.querySelectorAll('td'),
      ({ textContent }) => textContent.split(' → ')[0]!,
    );
    const rate = spikes / (trials * members.length * 0.02);
    expect(trials).toBeGreaterThan(4);
    expect(cells[0]).toBe(String(trials));
    expect(Number(cells[2])).toBeGreaterThan(0.995 * rate);
    expect(Number(cells[2])).toBeLessThan(1.005 * rate);
  });

  it('on counts has neither, and says nothing of it', async () => {
    const out = join(root, 'counts');
    expect((await runCli(['run', experiment, '--out', out])).code).toBe(0);
    const report = join(out, 'report.html');
    expect(spikeFigures(report).size).toBe(0);
    expect(readFileSync(report, 'utf8')).not.toMatch(/raster|around the stimulus|could not be seen/i);
    const fitted = join(root, 'counts.html');
    expect((await runCli(['fit', out, '--report', fitted])).code).toBe(0);
    expect(spikeFigures(fitted).size).toBe(0);
  });
});
