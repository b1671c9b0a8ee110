import { join } from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { TrialRecord } from '../../protocols/ledger.js';
import { exportBrainVision } from '../../src/recording/exports/export-brainvision.js';
import { exportMat } from '../../src/recording/exports/export-mat.js';
import { exportPhy } from '../../src/recording/exports/export-phy.js';
import { exportNwb } from '../../src/recording/exports/nwb/export-nwb.js';
import { describeWithDebianTool, octave, pythonWith, pythonWithScipy, runTool } from '../helpers/debian-tool.js';
import { exportOptions } from '../helpers/export-options.js';
import { makeRecording } from '../helpers/recording-fixture.js';
import { temporaryFolder } from '../helpers/run-cli.js';

const folder = temporaryFolder('interop-exports');
const RATE = 20_000;
const GAIN_UV = 0.195;

function script(name: string): string {
  return join(import.meta.dirname, name);
}

const numbers = z.array(z.number());
const array = z.object({ dtype: z.string(), shape: numbers, values: numbers });

function allSamples(samples: readonly Int16Array[]): number[] {
  return samples.flatMap((part) => Array.from(part));
}

function digits(texts: readonly string[]): number[] {
  return texts.flatMap((text) => Array.from(text, Number));
}

const python3h5py = pythonWith('h5py');

describeWithDebianTool('an NWB file read with h5py', python3h5py, () => {
  const nwb = z.object({
    wrong: z.array(z.string()),
    identifier: z.string(),
    volts: z.array(numbers),
    starts: numbers,
    units: z.array(numbers),
    trials: z.record(z.string(), z.array(z.unknown())),
    w1: z.unknown(),
    pulses: numbers,
  });

  it.each([false, true])(
    'keeps the rules of the schema and has the values of the recording, compressed: %s',
    async (compress) => {
      const fixture = makeRecording({ isBlind: true });
      const path = join(folder, `h5py-${compress}.nwb`);
      await exportNwb(fixture.contents, path, exportOptions({ compress }));
      const found = nwb.parse(JSON.parse(runTool(python3h5py, [script('read_nwb.py'), path])));
      expect(found.wrong).toEqual([]);
      expect(found.identifier).toBe('fixture-0001');
      const volts = fixture.samples.map((part) => Array.from(part, (raw) => raw * (GAIN_UV / 1e6)));
      expect(found.volts).toEqual(volts);
      expect(found.starts).toEqual([0.05, 0.5]);
      const units = Array.from({ length: 8 }, (_, unit) =>
        fixture.spikes.filter(({ electrode }) => electrode === unit).map(({ sample }) => sample / RATE),
      );
      expect(found.units).toEqual(units);
      const { counted, pattern, sources, counts } = found.trials;
      const isCounted = (i: number): boolean => counted?.[i] === 1;
      const unfinished = fixture.records
        .filter((record): record is TrialRecord => record.type === 'trial')
        .filter(({ session }) => session === 2);
      const kept = [...fixture.counted, ...unfinished];
      expect(pattern?.filter((_, i) => isCounted(i))).toEqual(kept.map(({ inputs }) => inputs));
      expect(sources?.filter((_, i) => isCounted(i))).toEqual(kept.map((trial) => trial.sources));
      expect(counts?.filter((_, i) => isCounted(i))).toEqual(kept.map((trial) => trial.counts));
      const w1 = fixture.models.map(({ w1: strengths, inputs }) => [
        Array.from(strengths.slice(0, inputs)),
        Array.from(strengths.slice(inputs)),
      ]);
      expect(found.w1).toEqual(w1);
      expect(found.pulses).toEqual([-20 / 1e6, 15 / 1e6]);
    },
  );
});

const pynwb = pythonWith('pynwb');

describeWithDebianTool('an NWB file read with pynwb', pynwb, () => {
  it('is valid and has the values of the recording', async () => {
    const fixture = makeRecording({ isBlind: true });
    const path = join(folder, 'pynwb.nwb');
    await exportNwb(fixture.contents, path, exportOptions());
    const nwb = z.object({ errors: z.array(z.string()), pattern: z.array(z.string()), units: z.array(numbers) });
    const found = nwb.parse(JSON.parse(runTool(pynwb, [script('validate_nwb.py'), path])));
    expect(found.errors).toEqual([]);
    expect(found.pattern.length).toBe(25);
    expect(found.units.flat().length).toBe(400);
  });
});

describeWithDebianTool('a folder for phy read with numpy', pythonWithScipy, () => {
  it('has the spikes and the samples of the recording', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'phy');
    await exportPhy(fixture.contents, path, exportOptions());
    const phy = z.record(z.string(), z.union([array, z.number()]));
    const found = phy.parse(JSON.parse(runTool(pythonWithScipy, [script('read_exported_arrays.py'), path])));
    const frames = fixture.spikes.map(({ sample }) => (sample < 6000 ? sample - 1000 : sample - 5000));
    expect(found['spike_times.npy']).toEqual({ dtype: '<i8', shape: [400], values: frames });
    const clusters = fixture.spikes.map(({ electrode }) => electrode);
    expect(found['spike_clusters.npy']).toEqual({ dtype: '<i4', shape: [400], values: clusters });
    expect(found['channel_positions.npy']).toMatchObject({ dtype: '<f8', shape: [8, 2] });
    expect(found.raw).toEqual({ dtype: '<i2', shape: [8000, 8], values: allSamples(fixture.samples) });
    expect(found.rate).toBe(RATE);
  });
});

const spikeInterface = pythonWith('spikeinterface');

describeWithDebianTool('a folder for phy read with SpikeInterface', spikeInterface, () => {
  it('has a unit for each electrode with spikes', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'phy-si');
    await exportPhy(fixture.contents, path, exportOptions());
    const program = `import json, sys
from spikeinterface.extractors import read_phy
s = read_phy(sys.argv[1])
print(json.dumps({str(u): s.get_unit_spike_train(u).tolist() for u in s.unit_ids}))`;
    const found = z.record(z.string(), numbers).parse(JSON.parse(runTool(spikeInterface, ['-c', program, path])));
    const frames = (unit: number): number[] =>
      fixture.spikes
        .filter(({ electrode }) => electrode === unit)
        .map(({ sample }) => (sample < 6000 ? sample - 1000 : sample - 5000));
    expect(found).toEqual(Object.fromEntries(Array.from({ length: 7 }, (_, unit) => [String(unit), frames(unit)])));
  });
});

const responses = z.object({ s: array, o: array, r: array });

/** What the three arrays should be. */
function expectedResponses(counted: readonly TrialRecord[], r: string): z.infer<typeof responses> {
  const [first] = counted;
  const rows = counted.length;
  return {
    s: { dtype: '|u1', shape: [rows, first!.sources.length], values: digits(counted.map(({ sources }) => sources)) },
    o: { dtype: '|u1', shape: [rows, first!.inputs.length], values: digits(counted.map(({ inputs }) => inputs)) },
    r: { dtype: r, shape: [rows, first!.counts.length], values: counted.flatMap(({ counts }) => counts) },
  };
}

const CASES = [
  { name: 'compressed', compress: true, sources: 2, largestCount: 30, dtype: '|u1' },
  { name: 'plain', compress: false, sources: 2, largestCount: 30, dtype: '|u1' },
  { name: 'with large counts and three sources', compress: true, sources: 3, largestCount: 5000, dtype: '<u2' },
] as const;

describeWithDebianTool('a MAT-file read with scipy', pythonWithScipy, () => {
  it.each(CASES)('has the values of the recording, $name', async ({ compress, sources, largestCount, dtype, name }) => {
    const fixture = makeRecording({ sources, largestCount, trials: 7 });
    const path = join(folder, `scipy ${name}.mat`);
    await exportMat(fixture.contents, path, exportOptions({ compress }));
    const found = responses.parse(JSON.parse(runTool(pythonWithScipy, [script('read_exported_arrays.py'), path])));
    expect(found).toEqual(expectedResponses(fixture.counted, dtype));
  });
});

describeWithDebianTool('a MAT-file read with Octave', octave, () => {
  it.each(CASES)('has the values of the recording, $name', async ({ compress, sources, largestCount, dtype, name }) => {
    const fixture = makeRecording({ sources, largestCount, trials: 7 });
    const path = join(folder, `octave ${name}.mat`);
    await exportMat(fixture.contents, path, exportOptions({ compress }));
    // As the published scripts take a culture out of the file.
    const program = `load('${path}'); d = data{1};
      show = @(x) printf('%s %d %d:%s\\n', class(x), rows(x), columns(x), sprintf(' %d', x'));
      show(d.s); show(d.o); show(d.r);`;
    const { s, o, r } = expectedResponses(fixture.counted, dtype);
    const toLine = ({ dtype: type, shape, values }: z.infer<typeof array>): string =>
      `${type === '|u1' ? 'uint8' : 'uint16'} ${shape.join(' ')}: ${values.join(' ')}`;
    expect(runTool(octave, ['--eval', program])).toBe(`${[s, o, r].map(toLine).join('\n')}\n`);
  });
});

const mne = pythonWith('mne');

describeWithDebianTool('BrainVision files read with MNE', mne, () => {
  it('have the voltages, channels, stimuli and segments of the recording', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'mne');
    await exportBrainVision(fixture.contents, path, exportOptions());
    const printed = runTool(mne, [script('read_brainvision_mne.py'), join(path, 'recording.vhdr')]);
    const found = z
      .object({
        rate: z.number(),
        channels: z.array(z.string()),
        start: z.string(),
        volts: numbers,
        annotations: z.array(z.tuple([z.number(), z.number(), z.string()])),
      })
      .parse(JSON.parse(printed));
    expect(found.rate).toBe(RATE);
    expect(found.channels).toEqual(['E0', 'E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E7']);
    expect(found.start).toBe('2026-03-04T05:06:07+00:00');
    const volts = allSamples(fixture.samples).map((raw) => (raw * GAIN_UV) / 1e6);
    expect(found.volts.length).toBe(volts.length);
    const worst = found.volts.reduce((most, value, i) => Math.max(most, Math.abs(value - volts[i]!)), 0);
    expect(worst).toBeLessThan(1e-15);
    expect(found.annotations).toEqual([
      [0, 1, 'New Segment/'],
      [10, 1, 'Stimulus/S  1'],
      [20, 1, 'Stimulus/S  2'],
      [30, 1, 'Comment/stimulus dropped'],
      [100, 40, 'Bad Interval/not recorded'],
      [5000, 1, 'New Segment/'],
      [5007, 1, 'Stimulus/S  1'],
    ]);
  });
});

const neo = pythonWith('neo');

describeWithDebianTool('BrainVision files read with Neo', neo, () => {
  it('have the samples, microvolts and markers of the recording', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'neo');
    await exportBrainVision(fixture.contents, path, exportOptions());
    const printed = runTool(neo, [script('read_brainvision_neo.py'), join(path, 'recording.vhdr')]);
    const found = z
      .object({
        rate: z.number(),
        channels: z.array(z.string()),
        units: z.array(z.string()),
        raw: numbers,
        microvolts: numbers,
        events: z.array(z.tuple([z.string(), z.number(), z.string()])),
      })
      .parse(JSON.parse(printed));
    expect(found).toMatchObject({ rate: RATE, channels: ['E0', 'E1', 'E2', 'E3', 'E4', 'E5', 'E6', 'E7'] });
    expect(found.units).toEqual(['uV']);
    const samples = allSamples(fixture.samples);
    expect(found.raw).toEqual(samples);
    expect(found.microvolts).toEqual(samples.map((raw) => raw * GAIN_UV));
    const stimuli = found.events.filter(([name]) => name.startsWith('Stimulus'));
    expect(stimuli.map(([, frame, label]) => [frame, label])).toEqual([
      [11, 'S  1'],
      [21, 'S  2'],
      [5008, 'S  1'],
    ]);
  });
});
