import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording } from '../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { exportParquet } from './export-parquet.js';

const folder = temporaryFolder('parquet');
const RATE = 20_000;

async function read(path: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(path) });
}

describe('Parquet tables', () => {
  it('have every spike', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'spikes');
    const summary = await exportParquet(fixture.contents, path, exportOptions());
    expect(summary).toMatchObject({ format: 'parquet', trials: 25, spikes: 400, stimuli: 5 });
    expect(await read(join(path, 'spikes.parquet'))).toEqual(
      fixture.spikes.map(({ sample, electrode, amplitudeUv }) => ({
        sample: BigInt(sample),
        time_s: sample / RATE,
        electrode,
        amplitude_uv: amplitudeUv,
      })),
    );
  });

  it('have more than one row group, and all rows of each', async () => {
    const fixture = makeRecording({ spikes: 300_000 });
    const path = join(folder, 'many');
    await exportParquet(fixture.contents, path, exportOptions());
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(join(path, 'spikes.parquet')));
    expect(metadata.row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([131_072, 131_072, 37_856]);
    const rows = await read(join(path, 'spikes.parquet'));
    expect(rows.map(({ sample }) => Number(sample))).toEqual(fixture.spikes.map(({ sample }) => sample));
    expect(rows.map(({ electrode }) => electrode)).toEqual(fixture.spikes.map(({ electrode }) => electrode));
  });

  it('have every trial with its counts as a list', async () => {
    const fixture = makeRecording({ sources: 3, isBlind: true });
    const path = join(folder, 'trials');
    await exportParquet(fixture.contents, path, exportOptions());
    const rows = await read(join(path, 'trials.parquet'));
    const records = fixture.records.filter((record) => record.type === 'trial' || record.type === 'trial-uncounted');
    const firstOfOne = records.findIndex(({ session }) => session === 1);
    const expected = records.map((record, i) => {
      const isVoid = i >= firstOfOne && i < firstOfOne + 3;
      const isCounted = record.type === 'trial' && !isVoid;
      return {
        session: record.session,
        trial: record.trial,
        sources: record.sources,
        inputs: record.inputs,
        at_sample: BigInt(record.atSample),
        time_s: record.atSample / RATE,
        delivery: record.delivery,
        delivered_sample: BigInt(record.deliveredSample),
        window_from: BigInt(record.window[0]),
        window_to: BigInt(record.window[1]),
        counted: isCounted,
        reason: record.type === 'trial-uncounted' ? record.reason : isVoid ? 'session-restarted' : null,
        // hyparquet gives a list that is not there as undefined
        counts: record.type === 'trial' ? record.counts : undefined,
        blind_fraction: record.type === 'trial' ? record.blindFraction : undefined,
      };
    });
    expect(rows.map(toPlain)).toEqual(expected);
  });

  it('have every stimulus', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'stimuli');
    await exportParquet(fixture.contents, path, exportOptions());
    const rows = await read(join(path, 'stimuli.parquet'));
    expect(rows.map(toPlain)).toEqual(
      fixture.stimuli.map(({ stimulusId, atSample, outcome, electrodes, amplitudeUa, phaseWidthUs }) => ({
        stimulus_id: BigInt(stimulusId),
        at_sample: BigInt(atSample),
        time_s: atSample / RATE,
        outcome,
        electrodes,
        amplitude_ua: amplitudeUa ?? null,
        phase_width_us: phaseWidthUs ?? null,
      })),
    );
  });

  it('say which recording they came from', async () => {
    const path = join(folder, 'about');
    await exportParquet(makeRecording().contents, path, exportOptions());
    for (const name of ['spikes', 'trials', 'stimuli']) {
      const metadata = await parquetMetadataAsync(await asyncBufferFromFile(join(path, `${name}.parquet`)));
      expect(Object.fromEntries(metadata.key_value_metadata?.map(({ key, value }) => [key, value]) ?? [])).toEqual({
        'meactl.recording': 'fixture-0001',
        'meactl.startedAt': '2026-03-04T05:06:07.000Z',
        'meactl.provenance': 'emulated',
        'meactl.sampleRateHz': '20000',
        'meactl.program': '0.1.0',
        'meactl.device': 'MEA/64 emulator',
        'meactl.exportedAt': '2026-05-06T07:08:09.000Z',
      });
    }
  });

  it('are empty tables of an empty recording', async () => {
    const { contents, records } = makeRecording({ stretches: [], spikes: 0 });
    const none = (): AsyncGenerator<never> => take([]);
    const empty = { ...contents, ledger: () => take(records.slice(0, 1)), stimuli: none, models: none };
    const path = join(folder, 'empty');
    await exportParquet(empty, path, exportOptions());
    for (const name of ['spikes', 'trials', 'stimuli']) expect(await read(join(path, `${name}.parquet`))).toEqual([]);
  });
});

/** Lists of numbers as arrays. */
function toPlain(row: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(row).map(([key, value]): [string, unknown] => [
    key,
    value instanceof Int32Array || value instanceof Float32Array ? Array.from(value) : value,
  ]);
  return Object.fromEntries(entries);
}

async function* take<T>(items: readonly T[]): AsyncGenerator<T> {
  await Promise.resolve();
  yield* items;
}
