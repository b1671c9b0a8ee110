import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../src/clock.js';
import { packageFolder } from '../src/cli/package-info.js';
import { openRecording } from '../src/recording/open-recording.js';
import { readLedger } from '../src/recording/ledger-reader.js';
import { readHdf5 } from './helpers/read-hdf5.js';
import { runCli, temporaryFolder } from './helpers/run-cli.js';
import { smallExperimentFile } from './helpers/small-experiment.js';
import { LIMITS_BUT_IMPEDANCES } from './helpers/device-limits.js';

/** As it was built: the library that writes HDF5 has a thread of its own. */
const MAIN = join(packageFolder(), 'dist/src/cli/main.js');
const root = temporaryFolder('rig-files');
const rigFile = join(root, 'rig.yaml');
const experiment = join(root, 'small.yaml');
const run = join(root, 'run');
const record = join(root, 'record');

/** 16 contacts, every second row half a pitch to the side; micrometres. */
const POSITIONS = Array.from({ length: 16 }, (_, i) => {
  const row = Math.floor(i / 4);
  return [200 * (i % 4) + (row % 2 === 1 ? 100 : 0), 180 * row] as const;
});
const NAMES = POSITIONS.map((_, i) => `c${i + 1}`);
const REFERENCE = 5;
const STIMULATED = [0, 2, 7, 8, 10, 12, 13, 15];

beforeAll(async () => {
  const probe = {
    ndim: 2,
    si_units: 'mm',
    contact_positions: POSITIONS.map((place) => place.map((um) => um / 1000)),
    contact_ids: NAMES,
  };
  const written = { specification: 'probeinterface', version: '0.3.0', probes: [probe] };
  writeFileSync(join(root, 'probe.json'), JSON.stringify(written));
  const measuredAt = new Date(systemClock().wallMs()).toISOString();
  const rows = POSITIONS.map((_, i) => `${i},${90_000 + i},${measuredAt}`);
  writeFileSync(join(root, 'z.csv'), ['electrode,ohm,measured_at', ...rows].join('\n'));
  writeFileSync(
    rigFile,
    JSON.stringify({
      version: 1,
      name: 'probe',
      device: 'emulator',
      signal: 'voltages',
      array: { probe: 'probe.json', reference: [REFERENCE] },
      stimulated: { electrodes: STIMULATED, status: 'confirmed' },
      artefact: { aboveUv: 1000, reachPitches: 2.9 },
      pulse: { amplitudeUa: 20, phaseWidthUs: 200, status: 'confirmed' },
      safety: { ...LIMITS_BUT_IMPEDANCES, impedances: { file: 'z.csv', maxAgeDays: 1 } },
    }),
  );
  writeFileSync(experiment, smallExperimentFile({ inputsPerBlock: 4, sessions: 3 }));
  const ran = await runCli(['run', experiment, '--rig', rigFile, '--raw', 'all', '--out', run]);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  const recorded = await runCli(['record', '--rig', rigFile, '--seconds', '5', '--raw', 'all', '--out', record]);
  expect([recorded.code, recorded.stderr]).toEqual([0, '']);
  // From here on the recordings have to do without.
  for (const name of ['probe.json', 'z.csv', 'rig.yaml']) rmSync(join(root, name));
});

const differenceSchema = z.object({ samples: z.object({ found: z.number(), difference: z.unknown().optional() }) });

describe('a rig with a probe file and a table of impedances', () => {
  it('is in the session of its recordings, whole', async () => {
    const recording = openRecording(run);
    const { array, configuration, channels } = recording.session;
    await recording.close();
    expect(channels).toBe(16);
    expect(array).toMatchObject({ pitchUm: 200, names: NAMES });
    if ('rows' in array) throw new Error('a grid');
    expect(array.positionsUm[5]).toEqual([300, 180]);
    const [row] = z
      .object({ rig: z.object({ safety: z.object({ impedances: z.object({ measured: z.array(z.unknown()) }) }) }) })
      .parse(configuration).rig.safety.impedances.measured;
    expect(row).toMatchObject({ electrode: 0, ohm: 90_000 });
  });

  it('has its contacts in the probe.json of recordings', () => {
    const probe: unknown = JSON.parse(readFileSync(join(run, 'probe.json'), 'utf8'));
    expect(probe).toMatchObject({
      probes: [{ si_units: 'um', contact_positions: POSITIONS, contact_ids: NAMES }],
    });
  });

  it('does not look at its reference, and pulses what it is told to', async () => {
    for (const path of [run, record]) {
      const recording = openRecording(path);
      const seen = new Set<number>();
      for await (const { electrodes } of recording.spikes()) for (const electrode of electrodes) seen.add(electrode);
      const pulsed = new Set<number>();
      for await (const { electrodes } of recording.stimuli()) for (const electrode of electrodes) pulsed.add(electrode);
      await recording.close();
      if (path === run)
        expect([...seen].toSorted((a, b) => a - b)).toEqual(NAMES.map((_, i) => i).toSpliced(REFERENCE, 1));
      else expect(seen.size).toBeGreaterThan(5);
      expect(seen).not.toContain(REFERENCE);
      expect([...pulsed].toSorted((a, b) => a - b)).toEqual(path === run ? STIMULATED : []);
    }
  });

  it('counts its trials: delivery is judged by where contacts lie', () => {
    const types = readLedger(run).records.map(({ type }) => type);
    expect(types.filter((type) => type === 'trial')).toHaveLength(24);
    expect(types).not.toContain('trial-uncounted');
  });

  it('is replayed to the bit from its recordings alone', async () => {
    for (const path of [run, record]) {
      const { code, stdout, stderr } = await runCli(['replay', path, '--json']);
      expect([code, stderr]).toEqual([0, '']);
      const { samples } = differenceSchema.parse(JSON.parse(stdout));
      expect(samples.found).toBeGreaterThan(50);
      expect(samples.difference).toBeUndefined();
    }
    const changed = await runCli(['replay', run, '--set', 'pipeline.threshold=6']);
    expect(changed).toMatchObject({ code: 0, stderr: '' });
  });

  it('has its places in the exports', async () => {
    const out = join(root, 'run.nwb');
    const argv = [MAIN, 'export', run, '--format', 'nwb', '--out', out];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const { values } = await readHdf5(out);
    const electrodes = '/general/extracellular_ephys/electrodes';
    expect(values.get(`${electrodes}/electrode_name`)).toEqual(NAMES);
    expect(values.get(`${electrodes}/rel_x`)).toEqual(Float32Array.from(POSITIONS, ([x]) => x));
    expect(values.get(`${electrodes}/rel_y`)).toEqual(Float32Array.from(POSITIONS, ([, y]) => y));
    const phy = join(root, 'phy');
    expect(await runCli(['export', run, '--format', 'phy', '--out', phy])).toMatchObject({ code: 0 });
    const places = readFileSync(join(phy, 'channel_positions.npy'));
    const numbers = Array.from({ length: 32 }, (_, i) => places.readDoubleLE(places.length - 256 + 8 * i));
    expect(numbers).toEqual(POSITIONS.flat());
  });

  it('has a map of its array in the report', () => {
    const html = readFileSync(join(run, 'report.html'), 'utf8');
    expect(html).toContain('numbered from 0 row by row');
    expect(html).toMatch(/electrode 5 \(c6\): /);
  });
});
