import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../../tests/helpers/export-options.js';
import { readHdf5, type Hdf5Contents } from '../../../../tests/helpers/read-hdf5.js';
import { makeRecording, type RecordingFixture } from '../../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../../tests/helpers/run-cli.js';
import type { BlockReader } from '../../../../protocols/recording/block-reader.js';
import type { ExportOptions } from '../exporter.js';
import { exportNwb } from './export-nwb.js';

const folder = temporaryFolder('nwb');
const RATE = 20_000;
let files = 0;

async function write(
  fixture: Pick<RecordingFixture, 'contents'>,
  special: Partial<ExportOptions> = {},
): Promise<Hdf5Contents> {
  const path = join(folder, `${(files += 1)}.nwb`);
  const summary = await exportNwb(fixture.contents, path, exportOptions(special));
  expect(summary.path).toBe(path);
  return readHdf5(path);
}

/** Values of a dataset as an array of numbers or texts. */
function column({ values }: Hdf5Contents, path: string): unknown[] {
  const value = values.get(path);
  if (Array.isArray(value)) return value;
  if (isNumbers(value)) return Array.from(value);
  throw new Error(`${path} is no column`);
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  return ArrayBuffer.isView(value) && 'length' in value;
}

describe('an NWB file', () => {
  it('has the objects, types, shapes and attributes of the schema', async () => {
    const { lines } = await write(makeRecording());
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('./golden-nwb.txt');
  });

  it('has the metadata of the session', async () => {
    const { values } = await write(makeRecording());
    const text = (path: string): unknown => values.get(path);
    expect(text('/identifier')).toBe('fixture-0001');
    expect(text('/session_start_time')).toBe('2026-03-04T05:06:07.000Z');
    expect(text('/timestamps_reference_time')).toBe('2026-03-04T05:06:07.000Z');
    expect(text('/file_create_date')).toEqual(['2026-05-06T07:08:09.000Z']);
    expect(text('/session_description')).toBe(
      'meactl experiment of stimuli and responses, emulated, on MEA/64 emulator',
    );
    expect(text('/general/notes')).toContain('provenance: emulated\nrecorded by meactl 0.1.0');
    expect(JSON.parse(String(text('/general/data_collection')))).toEqual({
      experiment: { trials: 8, name: 'made up' },
      rig: { name: 'none' },
    });
  });

  it('has a row for each electrode with its place', async () => {
    const file = await write(makeRecording());
    const table = '/general/extracellular_ephys/electrodes';
    expect(column(file, `${table}/id`)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(column(file, `${table}/rel_x`)).toEqual([0, 200, 400, 600, 0, 200, 400, 600]);
    expect(column(file, `${table}/rel_y`)).toEqual([0, 0, 0, 0, 200, 200, 200, 200]);
    const group = '/general/extracellular_ephys/array';
    expect(column(file, `${table}/group`)).toEqual(new Array(8).fill(group));
    expect(column(file, `${table}/group_name`)).toEqual(new Array(8).fill('array'));
  });

  it.each([1, 7, 1000, 8000, undefined])(
    'has every raw sample of each stretch, written %s frames at a time',
    async (blockFrames) => {
      const fixture = makeRecording({ stretches: blockFrames === 1 ? [50, 30] : [5000, 3000] });
      const file = await write(fixture, blockFrames === undefined ? {} : { blockFrames });
      for (const [i, samples] of fixture.samples.entries()) {
        expect(file.values.get(`/acquisition/raw_${i + 1}/data`)).toEqual(samples);
        const { firstSample } = fixture.contents.signals[i]!.signal;
        expect(file.values.get(`/acquisition/raw_${i + 1}/starting_time`)).toBe(firstSample / RATE);
      }
    },
  );

  it('has one series with a time for each frame of very many stretches', async () => {
    const fixture = makeRecording({ stretches: Array.from({ length: 70 }, (_, i) => 11 + (i % 3)) });
    const file = await write(fixture, { blockFrames: 5 });
    const data = column(file, '/acquisition/raw/data');
    expect(data).toEqual(fixture.samples.flatMap((samples) => Array.from(samples)));
    const times = fixture.contents.signals.flatMap(({ signal: { firstSample, frames } }) =>
      Array.from({ length: frames }, (_, i) => (firstSample + i) / RATE),
    );
    expect(column(file, '/acquisition/raw/timestamps')).toEqual(times);
    expect(file.lines.join()).not.toContain('starting_time');
  });

  it('compresses raw samples where that is asked', async () => {
    const fixture = makeRecording({ stretches: [5000] });
    const file = await write(fixture, { compress: true });
    expect(file.lines).toContain('/acquisition/raw/data: "<h" [5000,8], chunked, filter 1');
    expect(file.values.get('/acquisition/raw/data')).toEqual(fixture.samples[0]);
  });

  it('keeps gains that differ and samples of 32 bits', async () => {
    const { contents } = makeRecording({ stretches: [40] });
    const [reader] = contents.signals;
    const { signal } = reader!;
    const channels = signal.channels.map((channel, i) => ({ ...channel, gainUvPerBit: i + 1, offsetUv: 3 }));
    const wide: BlockReader = {
      signal: { ...signal, channels },
      readBlock: async (first, frames) => {
        const block = await reader!.readBlock(first, frames);
        return { ...block, samples: Int32Array.from(block.samples, (value) => value * 1000) };
      },
    };
    const file = await write({ contents: { ...contents, signals: [wide] } });
    const samples = column(file, '/acquisition/raw/data');
    const block = await wide.readBlock(0, 40);
    expect(samples).toEqual(Array.from(block.samples));
    expect(column(file, '/acquisition/raw/channel_conversion')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(file.lines).toContain('/acquisition/raw/data: "<i" [40,8], chunked');
    expect(file.lines).toContain('  @conversion: "<d" [] 0.000001');
    expect(file.lines).toContain('  @offset: "<d" [] 0.000003');
  });

  it('has a unit for each electrode with its spikes in order', async () => {
    const fixture = makeRecording({ spikes: 3000 });
    const file = await write(fixture);
    const times = column(file, '/units/spike_times');
    const amplitudes = column(file, '/units/spike_amplitudes_uv');
    const ends = column(file, '/units/spike_times_index');
    expect(column(file, '/units/spike_amplitudes_uv_index')).toEqual(ends);
    expect(column(file, '/units/id')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(column(file, '/units/electrodes')).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(column(file, '/units/electrodes_index')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (let unit = 0, from = 0; unit < 8; from = Number(ends[unit]), unit++) {
      const spikes = fixture.spikes.filter(({ electrode }) => electrode === unit);
      const to = Number(ends[unit]);
      expect(times.slice(from, to)).toEqual(spikes.map(({ sample }) => sample / RATE));
      expect(amplitudes.slice(from, to)).toEqual(spikes.map(({ amplitudeUv }) => amplitudeUv));
    }
    expect(times.length).toBe(3000);
  });

  it('has every trial, and says which count', async () => {
    const fixture = makeRecording({ isBlind: true, sources: 3 });
    const file = await write(fixture);
    const trials = fixture.records.filter(({ type }) => type === 'trial' || type === 'trial-uncounted');
    const cell = (name: string): unknown[] => column(file, `/intervals/trials/${name}`);
    const rows = trials.map((record) => {
      if (record.type !== 'trial' && record.type !== 'trial-uncounted') throw new Error('no trial');
      return record;
    });
    expect(cell('session')).toEqual(rows.map(({ session }) => session));
    expect(cell('trial')).toEqual(rows.map(({ trial }) => trial));
    expect(cell('sources')).toEqual(rows.map(({ sources }) => sources));
    expect(cell('pattern')).toEqual(rows.map(({ inputs }) => inputs));
    expect(cell('delivery')).toEqual(rows.map(({ delivery }) => delivery));
    expect(cell('start_time')).toEqual(rows.map(({ atSample }) => atSample / RATE));
    expect(cell('stop_time')).toEqual(rows.map(({ window }) => window[1] / RATE));
    expect(cell('window_start_time')).toEqual(rows.map(({ window }) => window[0] / RATE));
    expect(cell('delivered_time')).toEqual(rows.map(({ deliveredSample }) => deliveredSample / RATE));
    const counts = rows.flatMap((row) => (row.type === 'trial' ? row.counts : new Array<number>(8).fill(0)));
    expect(cell('counts')).toEqual(counts);
    const blind = rows.flatMap((row) =>
      row.type === 'trial' ? (row.blindFraction ?? []) : new Array<number>(8).fill(0),
    );
    expect(cell('blind_fraction')).toEqual(blind);
    // Session 1 began anew after three trials; the third trial of each session came late at first.
    const firstOfOne = rows.findIndex(({ session }) => session === 1);
    const reasons = rows.map((row, i) => {
      if (row.type === 'trial-uncounted') return row.reason;
      return i >= firstOfOne && i < firstOfOne + 3 ? 'session-restarted' : '';
    });
    expect(cell('reason')).toEqual(reasons);
    expect(cell('counted')).toEqual(reasons.map((reason) => (reason === '' ? 1 : 0)));
  });

  it('has every stimulus with its outcome, and the pulses as a series', async () => {
    const fixture = makeRecording();
    const file = await write(fixture);
    const cell = (name: string): unknown[] => column(file, `/intervals/stimuli/${name}`);
    const { stimuli } = fixture;
    expect(cell('stimulus_id')).toEqual(stimuli.map(({ stimulusId }) => stimulusId));
    expect(cell('outcome')).toEqual(stimuli.map(({ outcome }) => outcome));
    expect(cell('start_time')).toEqual(stimuli.map(({ atSample }) => atSample / RATE));
    expect(cell('amplitude_ua')).toEqual([-20, NaN, -20, -20, 15]);
    expect(cell('phase_width_us')).toEqual([200, NaN, 200, 200, 100]);
    expect(cell('electrodes')).toEqual([0, 2, 1, 7, 3]);
    expect(cell('electrodes_index')).toEqual([2, 2, 3, 4, 5]);
    expect(column(file, '/stimulus/presentation/pulses/data')).toEqual([-20 / 1e6, 15 / 1e6]);
    const pulsed = [stimuli[0]!, stimuli[4]!].map(({ atSample }) => atSample / RATE);
    expect(column(file, '/stimulus/presentation/pulses/timestamps')).toEqual(pulsed);
  });

  it('has the model after each session, and what could not be trusted', async () => {
    const fixture = makeRecording();
    const file = await write(fixture);
    const { models } = fixture;
    expect(column(file, '/processing/model/strengths/session')).toEqual([0, 1]);
    expect(column(file, '/processing/model/strengths/w1')).toEqual(models.flatMap(({ w1 }) => Array.from(w1)));
    expect(column(file, '/processing/model/strengths/w0')).toEqual(models.flatMap(({ w0 }) => Array.from(w0)));
    expect(column(file, '/intervals/invalid_times/start_time')).toEqual([1100 / RATE]);
    expect(column(file, '/intervals/invalid_times/stop_time')).toEqual([1140 / RATE]);
  });

  it('is written of a recording with nothing but trials', async () => {
    const fixture = makeRecording({ stretches: [], spikes: 0 });
    const { contents } = fixture;
    const none = async function* (): AsyncGenerator<never> {
      await Promise.resolve();
      yield* [];
    };
    const file = await write({ contents: { ...contents, stimuli: none, models: none } });
    expect(column(file, '/intervals/trials/id').length).toBe(25);
    const groups = file.lines.filter((line) => line.startsWith('/')).join('\n');
    expect(groups).not.toMatch(/units|raw|stimuli|pulses|processing\/model|invalid/);
  });
});
