import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../protocols/errors.js';
import type { RecordedFile } from '../protocols/recording/recorded-file.js';
import { packageFolder } from '../src/cli/package-info.js';
import { openRecordedFile } from '../src/recording/readers/open-recorded-file.js';
import type { ReaderLimits } from '../src/recording/readers/reader-options.js';
import { chunked, externalLink, grown, plain, writeHdf5, type Hdf5Content } from './helpers/hdf5-recordings.js';
import { xorshift } from './helpers/mutate-bytes.js';
import { openEphysSample, writeOpenEphys } from './helpers/open-ephys-folder.js';
import { rhsBytes, rhsSample } from './helpers/rhs-bytes.js';
import { temporaryFolder } from './helpers/run-cli.js';

const folder = temporaryFolder('recorded-hostile');
/** The built program: a thread cannot start from TypeScript. */
const PROGRAM = pathToFileURL(join(packageFolder(), 'dist/src/recording/readers/hdf5/hdf5-thread.js'));
let made = 0;

function newPath(extension: string): string {
  return join(folder, `file-${++made}${extension}`);
}

function open(path: string, limits: Partial<ReaderLimits> = {}, program = PROGRAM): Promise<RecordedFile> {
  return openRecordedFile(path, { hdf5Program: program, limits: { deadlineMs: 20_000, ...limits } });
}

async function write(content: Hdf5Content): Promise<string> {
  const path = newPath('.h5');
  await writeHdf5(path, content);
  return path;
}

/** Opens a file and reads the beginning of all that is in it; the error where it cannot. */
async function useAll(path: string, limits: Partial<ReaderLimits> = {}): Promise<unknown> {
  let file: RecordedFile | undefined;
  try {
    file = await open(path, limits);
    for (const signal of file.signals) if (signal.signal.frames > 0) await signal.readBlock(0, 1000);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await file?.close();
  }
}

const retinal = (spikes: Hdf5Content['items']): Hdf5Content => ({
  items: { sCount: plain(Int32Array.of(2, 1)), epos: plain(Float64Array.of(1, 2, 3, 4), [2, 2]), ...spikes },
});
const good = retinal({ spikes: chunked(Float64Array.of(1, 2, 3), [3], [3]), names: plain(['a', 'b']) });

const nwb = (data: NonNullable<Hdf5Content['items']>[string], others: Hdf5Content['items'] = {}): Hdf5Content => ({
  attributes: { nwb_version: '2.7.0' },
  items: {
    acquisition: {
      items: {
        raw: {
          attributes: { neurodata_type: 'ElectricalSeries' },
          items: { data, starting_time: plain(Float64Array.of(0), [], { rate: 1000 }) },
        },
      },
    },
    ...others,
  },
});

describe('an HDF5 file that means harm', () => {
  it('and aborts the library costs its thread: the next file opens', async () => {
    const path = await write(good);
    const bytes = readFileSync(path);
    // The texts of `names` lie in a heap; a number that is not in the heap makes the library abort.
    const heap = Buffer.alloc(8);
    heap.writeBigUInt64LE(BigInt(bytes.indexOf('GCOL')));
    const reference = bytes.indexOf(heap);
    expect(reference).toBeGreaterThan(0);
    bytes.writeUInt32LE(0xde02, reference + heap.length);
    const bad = newPath('.h5');
    writeFileSync(bad, bytes);
    const error = await useAll(bad);
    expect(error).toMatchObject({
      tag: 'bad-format',
      details: { what: 'The HDF5 file cannot be read', where: bad },
    });
    expect(String(error)).toMatch(/abort/i);
    const next = await open(path);
    expect(next.spikes).toHaveLength(2);
    await next.close();
  });

  it('and keeps the library busy for ever is given up at the deadline', async () => {
    const busy = join(folder, 'busy.mjs');
    const opened = "parentPort.postMessage({ id: 0, answer: { type: 'entries', entries: [] } });";
    const forever = "parentPort.on('message', () => { for (;;); });";
    writeFileSync(busy, `import { parentPort } from 'node:worker_threads';\n${opened}\n${forever}\n`);
    await expect(open(await write(good), { deadlineMs: 200 }, pathToFileURL(busy))).rejects.toMatchObject({
      tag: 'bad-format',
      details: { got: 'the HDF5 library did not answer in 200 ms' },
    });
  });

  it('and inflates a small chunk to more than it says is stopped by the limit of memory', async () => {
    const word = xorshift(77);
    const noise = Int16Array.from({ length: 200_000 }, word);
    const path = await write(nwb(chunked(noise, [200_000, 1], [200_000, 1])));
    const bytes = readFileSync(path);
    // Noise is stored as it is, after two bytes of zlib and five of its first block.
    const chunk = bytes.indexOf(new Uint8Array(noise.buffer, 0, 64)) - 7;
    expect(bytes.subarray(chunk, chunk + 1).toString('hex')).toBe('78');
    deflateSync(Buffer.alloc(2 ** 26)).copy(bytes, chunk);
    writeFileSync(path, bytes);
    const error = await useAll(path, { memoryBytes: 2 ** 26 });
    expect(error).toMatchObject({ tag: 'bad-format', details: { what: 'The HDF5 file cannot be read' } });
    // The limit it was, and nothing else: with more memory the same file is read.
    expect(await useAll(path, { memoryBytes: 2 ** 29 })).toBeUndefined();
  });

  it('and declares chunks larger than may be read is not asked for them', async () => {
    const path = await write(nwb(chunked(new Int16Array(100_000), [100_000, 1], [100_000, 1])));
    const file = await open(path, { chunkBytes: 100_000 });
    expect(file.signals).toEqual([]);
    expect(file.unread).toEqual([expect.stringContaining('chunks of 200000 bytes, more than 100000')]);
    await file.close();
  });

  it('and claims sizes that are not there costs no memory', async () => {
    const path = await write(nwb(grown(Int16Array.of(1, 2, 3), [1, 1], [2 ** 40, 1])));
    const file = await open(path);
    expect(file.signals[0]!.signal.frames).toBe(2 ** 40);
    const { samples } = await file.signals[0]!.readBlock(2 ** 40 - 2, 100);
    expect(Array.from(samples)).toEqual([0, 0]);
    await file.close();
    const spikes = grown(Float64Array.of(1, 2, 3), [3], [2 ** 40]);
    expect(await useAll(await write(retinal({ spikes })))).toMatchObject({ tag: 'bad-format' });
    const counts = { items: { spikes: plain(Float64Array.of(1)), sCount: grown(Int32Array.of(1), [4], [2 ** 33]) } };
    expect(await useAll(await write(counts))).toMatchObject({ details: { what: 'A table is too long' } });
    const few = await open(await write(good), { spikes: 2 });
    expect(few.spikes).toEqual([]);
    expect(few.unread).toContainEqual(expect.stringContaining('3 spikes, more than are kept'));
    await few.close();
  });

  it('and names other files does not get them opened', async () => {
    const other = await write(good);
    const linked = await write({
      items: { spikes: externalLink(other, '/spikes'), sCount: plain(Int32Array.of(2, 1)) },
    });
    expect(await useAll(linked)).toMatchObject({ tag: 'bad-format', details: { got: 'it is not there' } });
    const outside = await write({ items: { unit: { items: { spike_times: plain(Float64Array.of(1)) } } } });
    const through = await open(
      await write(nwb(externalLink(other, '/spikes'), { units: externalLink(outside, '/unit') })),
    );
    expect([through.signals, through.spikes]).toEqual([[], []]);
    expect(through.unread).toEqual([
      '/acquisition/raw: it has no data in this file',
      '/units is a link to another file, or to nothing; it is not followed',
    ]);
    await through.close();
  });

  it('is an error, or is read, however it is damaged', async () => {
    const sources = [
      good,
      nwb(
        chunked(
          Int16Array.from({ length: 4000 }, (_, k) => k),
          [1000, 4],
          [256, 4],
        ),
      ),
    ];
    const word = xorshift(20_261);
    const outcomes = { read: 0, refused: 0 };
    for (const source of sources) {
      const path = await write(source);
      const whole = readFileSync(path);
      for (let round = 0; round < 10; round++) {
        const bytes = Buffer.from(whole);
        for (let left = 1 + (word() % 8); left > 0; left--) bytes[word() % bytes.length] = word();
        const cut = round % 3 === 0 ? bytes.subarray(0, word() % bytes.length) : bytes;
        const bad = newPath('.h5');
        writeFileSync(bad, cut);
        const error = await useAll(bad);
        expect(error === undefined || isMeaError(error), String(error)).toBe(true);
        outcomes[error === undefined ? 'read' : 'refused'] += 1;
      }
      expect(await useAll(path)).toBeUndefined();
    }
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});

describe('a file of samples that was cut off anywhere', () => {
  /** Opens each cut of a file; what is read must be the beginning of the whole. */
  async function cutEverywhere(
    path: string,
    cuts: number,
    { bytes, sampleAt }: { bytes: Buffer; sampleAt: (channel: number, frame: number) => number },
  ): Promise<{ read: number; refused: number }> {
    const word = xorshift(4711);
    const outcomes = { read: 0, refused: 0 };
    for (let round = 0; round < cuts; round++) {
      writeFileSync(path, bytes.subarray(0, word() % bytes.length));
      const file = await openRecordedFile(path).catch((error: unknown) => {
        expect(isMeaError(error), String(error)).toBe(true);
        return undefined;
      });
      const reader = file?.signals[0];
      if (reader === undefined || reader.signal.frames === 0) outcomes.refused += 1;
      else {
        const { channels, samples } = await reader.readBlock(0, reader.signal.frames);
        const wanted = samples.map((_, k) => sampleAt(k % channels, Math.floor(k / channels)));
        expect(samples).toEqual(wanted);
        outcomes.read += 1;
      }
      await file?.close();
    }
    return outcomes;
  }

  it('is read as far as it goes: Open Ephys', async () => {
    const recording = newPath('');
    writeOpenEphys(recording, { channels: 3, frames: 300 });
    const structure = join(recording, 'structure.oebin');
    const data = join(recording, 'continuous/MEA-100.emulator/continuous.dat');
    const word = xorshift(99);
    const [samples, description] = [readFileSync(data), readFileSync(structure)];
    for (let round = 0; round < 60; round++) {
      writeFileSync(data, samples.subarray(0, word() % samples.length));
      const file = await openRecordedFile(recording);
      const { signal } = file.signals[0]!;
      if (signal.frames > 0) {
        const block = await file.signals[0]!.readBlock(signal.frames - 1, 1);
        expect(Array.from(block.samples)).toEqual([0, 1, 2].map((k) => openEphysSample(k, signal.frames - 1)));
      }
      await file.close();
      writeFileSync(structure, description.subarray(0, word() % description.length));
      await expect(openRecordedFile(recording)).rejects.toMatchObject({ tag: 'bad-format' });
      writeFileSync(structure, description);
    }
  });

  it('is read as far as it goes: Intan', async () => {
    const bytes = rhsBytes({ amplifiers: 2, digitalIns: 1, blocks: 6 });
    const sampleAt = (channel: number, frame: number): number => rhsSample(channel, frame) - 32_768;
    const outcomes = await cutEverywhere(newPath('.rhs'), 80, { bytes, sampleAt });
    expect(outcomes.read).toBeGreaterThan(10);
    expect(outcomes.refused).toBeGreaterThan(5);
  });

  it('is read as far as it goes: raw samples, SpikeGLX', async () => {
    const samples = Int16Array.from({ length: 900 }, (_, k) => openEphysSample(k % 3, Math.floor(k / 3)));
    const bytes = Buffer.from(samples.buffer);
    const raw = newPath('.dat');
    writeFileSync(raw.replace('.dat', '.json'), JSON.stringify({ channels: 3, sampleRateHz: 1000, gainUvPerBit: 1 }));
    expect((await cutEverywhere(raw, 60, { bytes, sampleAt: openEphysSample })).read).toBeGreaterThan(40);
    const bin = newPath('.bin');
    const meta = [
      'typeThis=nidq',
      'niSampRate=1000',
      'niAiRangeMax=5',
      'niMNGain=1',
      'nSavedChans=3',
      'snsMnMaXaDw=3,0,0,0',
    ];
    writeFileSync(bin.replace('.bin', '.meta'), meta.join('\n'));
    expect((await cutEverywhere(bin, 60, { bytes, sampleAt: openEphysSample })).read).toBeGreaterThan(40);
  });

  it('and whose header lies is an error, or is read: Intan', async () => {
    const bytes = rhsBytes({ amplifiers: 2, digitalIns: 1, blocks: 2 });
    const word = xorshift(8);
    const path = newPath('.rhs');
    let refused = 0;
    for (let round = 0; round < 200; round++) {
      const bad = Buffer.from(bytes);
      for (let left = 1 + (word() % 3); left > 0; left--) bad[4 + (word() % 500)] = word();
      writeFileSync(path, bad);
      const error = await useAll(path);
      expect(error === undefined || isMeaError(error), String(error)).toBe(true);
      if (error !== undefined) refused += 1;
    }
    expect(refused).toBeGreaterThan(20);
    writeFileSync(path, bytes);
    expect(await useAll(path)).toBeUndefined();
  });

  it('and is no file at all is refused: a pipe without a writer', async () => {
    const path = newPath('.dat');
    execFileSync('mkfifo', [path]);
    await expect(openRecordedFile(path)).rejects.toMatchObject({ tag: 'bad-input', details: { what: 'Not a file' } });
  });

  it('is not taken for another by its name', async () => {
    const path = await write(good);
    const renamed = newPath('.rhs');
    copyFileSync(path, renamed);
    const file = await open(renamed);
    expect(file.format).toBe('waverepo');
    await file.close();
  });
});
