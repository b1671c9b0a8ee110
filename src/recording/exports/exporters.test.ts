import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../../protocols/errors.js';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording } from '../../../tests/helpers/recording-fixture.js';
import { snapshotFolder, temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { describeWithSmallDisk } from '../../../tests/helpers/small-disk.js';
import type { RecordingContents } from '../recording-contents.js';
import { EXPORT_FORMATS } from './exporter.js';
import { EXPORTERS } from './exporters.js';

const folder = temporaryFolder('exports');
let folders = 0;

/** A folder with nothing in it. */
function fresh(): string {
  const path = join(folder, String((folders += 1)));
  mkdirSync(path);
  return path;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  );
}

/** Bytes of a file, or of all files of a folder. */
function bytesOf(path: string): unknown {
  return statSync(path).isDirectory()
    ? Array.from(snapshotFolder(path), ([name, bytes]) => [name.slice(path.length), bytes])
    : readFileSync(path, 'latin1');
}

describe.each(EXPORT_FORMATS)('an export to %s', (format) => {
  const run = EXPORTERS[format];

  it('overwrites neither a file nor a folder', async () => {
    const at = fresh();
    writeFileSync(join(at, 'file'), 'mine');
    mkdirSync(join(at, 'folder'));
    for (const name of ['file', 'folder']) {
      const error = await failureOf(run(makeRecording().contents, join(at, name), exportOptions()));
      expect(isMeaError(error, 'exists')).toBe(true);
    }
    expect(readdirSync(at).sort()).toEqual(['file', 'folder']);
    expect(readFileSync(join(at, 'file'), 'utf8')).toBe('mine');
    expect(readdirSync(join(at, 'folder'))).toEqual([]);
  });

  it('says that the folder above is not there', async () => {
    const error = await failureOf(run(makeRecording().contents, join(fresh(), 'none', 'out'), exportOptions()));
    expect(isMeaError(error, 'missing')).toBe(true);
  });

  it('leaves nothing behind when it is aborted, at the beginning or half way', async () => {
    for (const share of [0, 0.4]) {
      const at = fresh();
      const abort = new AbortController();
      const reason = new Error('stop');
      if (share === 0) abort.abort(reason);
      const onProgress = (done: number): void => {
        if (done >= share) abort.abort(reason);
      };
      const options = exportOptions({ signal: abort.signal, onProgress, blockFrames: 500 });
      expect(await failureOf(run(makeRecording().contents, join(at, 'out'), options))).toBe(reason);
      expect(readdirSync(at)).toEqual([]);
    }
  });

  it('leaves nothing behind when the recording cannot be read to its end', async () => {
    const at = fresh();
    const error = await failureOf(run(breakOff(makeRecording().contents), join(at, 'out'), exportOptions()));
    expect(error).toMatchObject({ message: 'the disk is gone' });
    expect(readdirSync(at)).toEqual([]);
  });

  it('tells how far it is, up to the whole', async () => {
    const shares: number[] = [];
    const options = exportOptions({ onProgress: (share) => shares.push(share), blockFrames: 500 });
    await run(makeRecording().contents, join(fresh(), 'out'), options);
    expect(shares.length).toBeGreaterThan(5);
    expect(shares).toEqual(Array.from(shares).sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  it('is the same, byte for byte, however it is cut into pieces', async () => {
    const at = fresh();
    const written: unknown[] = [];
    for (const blockFrames of [999, 8000]) {
      const path = join(at, String(blockFrames));
      await run(makeRecording().contents, path, exportOptions({ blockFrames }));
      written.push(bytesOf(path));
    }
    // HDF5 places chunks in the order of their writing: its values are compared in tests of their own.
    if (format !== 'nwb') expect(written[0]).toEqual(written[1]);
    expect(written.length).toBe(2);
  });
});

/** A recording of which every stream fails in its second reading, and samples in their second block. */
function breakOff(contents: RecordingContents): RecordingContents {
  const failing = <T>(open: () => AsyncIterable<T>): (() => AsyncIterable<T>) => {
    let readings = 0;
    return () => {
      readings++;
      return readings === 1 ? open() : failAfterTwo(open());
    };
  };
  return {
    ...contents,
    signals: contents.signals.map((reader) => ({
      signal: reader.signal,
      readBlock: (first, frames) =>
        first > 0 || reader.signal.firstSample > 1000
          ? Promise.reject(new Error('the disk is gone'))
          : reader.readBlock(first, frames),
    })),
    ledger: failing(() => contents.ledger()),
    spikes: failing(() => contents.spikes()),
    stimuli: failing(() => contents.stimuli()),
  };
}

async function* failAfterTwo<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    if ((count += 1) > 2) throw new Error('the disk is gone');
    yield item;
  }
}

describeWithSmallDisk('an export to a disk that fills up', 400, (disk) => {
  // The tables are small; raw samples, and spikes enough, are not.
  const large = { stretches: [60_000], spikes: 40_000, trials: 400, rows: 8, columns: 8, sessions: 30 };

  it.each(EXPORT_FORMATS)('to %s says so, and leaves nothing there', async (format) => {
    const special = format === 'mat' ? { compress: false } : {};
    const { contents } = makeRecording(large);
    const error = await failureOf(EXPORTERS[format](contents, join(disk.path, 'out'), exportOptions(special)));
    expect(error).toMatchObject({ tag: 'storage' });
    expect(readdirSync(disk.path)).toEqual([]);
  });
});
