import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RecordedFile } from '../protocols/recording/recorded-file.js';
import { packageFolder } from '../src/cli/package-info.js';
import { describeRecordedFile } from '../src/recording/readers/describe-recorded-file.js';
import { openRecordedFile } from '../src/recording/readers/open-recorded-file.js';
import { chunked, plain, softLink, table, writeHdf5, type Hdf5Content } from './helpers/hdf5-recordings.js';
import { temporaryFolder } from './helpers/run-cli.js';

const folder = temporaryFolder('recorded-hdf5');
/** The built program: a thread cannot start from TypeScript. */
const PROGRAM = pathToFileURL(join(packageFolder(), 'dist/src/recording/readers/hdf5/hdf5-thread.js'));
let made = 0;

async function withFile(content: Hdf5Content, look: (file: RecordedFile) => Promise<void>): Promise<void> {
  const path = join(folder, `file-${++made}.h5`);
  await writeHdf5(path, content);
  const file = await openRecordedFile(path, { hdf5Program: PROGRAM });
  try {
    await look(file);
  } finally {
    await file.close();
  }
}

function refusal(content: Hdf5Content): Promise<unknown> {
  return withFile(content, () => Promise.resolve()).then(
    () => 'opened',
    (error: unknown) => error,
  );
}

/** (rows, columns) numbers that tell their place. */
function grid(rows: number, columns: number): number[] {
  return Array.from({ length: rows * columns }, (_, k) => Math.floor(k / columns) * 100 + (k % columns));
}

describe('a MaxWell file', () => {
  const settings = { sampling: plain(Float64Array.of(10_000)), lsb: plain(Float64Array.of(2e-6)) };
  const mapping = table({
    channel: Int32Array.of(5, 9, -1),
    electrode: Int32Array.of(221, 7, 8),
    x: Float64Array.of(17.5, 35, 0),
    y: Float64Array.of(0, 52.5, 0),
  });
  const spikes = table({
    frameno: BigInt64Array.of(1000n, 1010n, 1020n, 1030n),
    channel: Int32Array.of(9, 77, 5, 9),
    amplitude: Float32Array.of(-5, -6, -7, -8),
  });
  const frames = Array.from({ length: 40 }, (_, k) => BigInt(k < 30 ? 1000 + k : 1200 + k));
  const recording: Hdf5Content = {
    items: {
      settings: { items: { ...settings, mapping } },
      spikes,
      groups: {
        items: {
          routed: {
            items: {
              channels: plain(Uint16Array.of(9, 5)),
              frame_nos: plain(BigUint64Array.from(frames)),
              raw: chunked(
                Uint16Array.from(grid(2, 40), (value) => value + 400),
                [2, 40],
                [2, 16],
              ),
            },
          },
        },
      },
    },
  };
  const content: Hdf5Content = {
    items: {
      version: plain(['20190530']),
      data_store: { items: { data0000: recording } },
      wells: { items: { well000: { items: { rec0000: softLink('/data_store/data0000') } } } },
    },
  };

  it('has spikes and electrodes of each well, and its signal where no filter hides it', async () => {
    await withFile(content, async (file) => {
      expect(file).toMatchObject({ format: 'maxwell', writtenBy: 'format 20190530', sampleRateHz: 10_000, unread: [] });
      expect(file.spikes.map(({ name, electrode, timesS }) => [name, electrode, ...timesS])).toEqual([
        ['well000/rec0000 channel 5', 221, 0.102],
        ['well000/rec0000 channel 9', 7, 0.1, 0.103],
        ['well000/rec0000 channel 77', undefined, 0.101],
      ]);
      expect(file.electrodes).toEqual([
        { name: 'well000/rec0000 electrode 221', channel: 1, xUm: 17.5, yUm: 0 },
        { name: 'well000/rec0000 electrode 7', channel: 0, xUm: 35, yUm: 52.5 },
      ]);
      // A gap in the frame numbers after frame 29.
      expect(file.signals.map(({ signal }) => [signal.name, signal.firstSample, signal.frames])).toEqual([
        ['well000/rec0000 (1)', 1000, 30],
        ['well000/rec0000 (2)', 1230, 10],
      ]);
      const [first, second] = file.signals;
      const [channel] = first!.signal.channels;
      expect(channel).toMatchObject({ name: 'channel 9', electrode: 7 });
      const { samples } = await second!.readBlock(1, 2);
      const uv = Array.from(samples, (raw) => raw * channel!.gainUvPerBit + channel!.offsetUv);
      // 2 uV for each step of the unsigned samples, whose zero is 0 V.
      [431, 531, 432, 532].forEach((raw, k) => {
        expect(uv[k]).toBeCloseTo(raw * 2, 6);
      });
    });
  });

  it('of the older layout has the rows of connected channels', async () => {
    const old: Hdf5Content = {
      items: {
        version: plain(['20160704']),
        sig: chunked(Uint16Array.from(grid(12, 6)), [12, 6], [4, 3]),
        mapping,
        settings: { items: { lsb: plain(Float64Array.of(2e-6)) } },
        proc0: { items: { spikeTimes: spikes } },
      },
    };
    await withFile(old, async (file) => {
      expect(describeRecordedFile(file)).toMatchObject({ format: 'maxwell', spikeTrains: 3, spikes: 4 });
      const { signal } = file.signals[0]!;
      expect(signal).toMatchObject({ frames: 6, sampleRateHz: 20_000 });
      expect(signal.channels.map(({ name, electrode }) => [name, electrode])).toEqual([
        ['channel 5', 221],
        ['channel 9', 7],
      ]);
      const { samples } = await file.signals[0]!.readBlock(4, 2);
      expect(Array.from(samples, (raw) => raw + 32_768)).toEqual([504, 904, 505, 905]);
      expect(file.electrodes.map(({ channel }) => channel)).toEqual([0, 1]);
    });
  });

  it('is refused without a rate', async () => {
    const bad: Hdf5Content = {
      items: { data_store: { items: { a: { items: { settings: { items: { lsb: settings.lsb } } } } } } },
    };
    expect(await refusal(bad)).toMatchObject({ tag: 'bad-format', details: { what: 'Bad sampling rate' } });
    expect(await refusal({ items: { wells: {} } })).toMatchObject({ details: { what: 'No recordings' } });
  });
});

describe('an MCS file', () => {
  function stream(
    overrides: Readonly<Record<string, Int32Array>> = {},
    stamps = [50_000, 0, 5, 90_000, 6, 9],
  ): Hdf5Content {
    return {
      attributes: { Label: 'Filter Data     ', DataSubType: 'Electrode' },
      items: {
        ChannelData: chunked(Int32Array.from(grid(2, 10)), [2, 10], [2, 4]),
        ChannelDataTimeStamps: plain(BigInt64Array.from(stamps, BigInt), [stamps.length / 3, 3]),
        InfoChannel: table({
          ChannelID: Int32Array.of(3, 4),
          RowIndex: Int32Array.of(1, 0),
          Label: ['E1', 'E2'],
          Unit: ['V', 'V'],
          Exponent: Int32Array.of(-9, -9),
          ADZero: Int32Array.of(10, 0),
          Tick: BigInt64Array.of(100n, 100n),
          ConversionFactor: BigInt64Array.of(500n, 250n),
          ...overrides,
        }),
      },
    };
  }

  function file(analog: Hdf5Content): Hdf5Content {
    const items = {
      AnalogStream: { items: { Stream_0: analog } },
      EventStream: {
        items: {
          Stream_0: {
            attributes: { Label: 'Digital' },
            items: {
              EventEntity_0: plain(BigInt64Array.of(2000n, 5000n, 0n, 300n), [2, 2]),
              InfoEvent: table({ EventID: Int32Array.of(0), Label: ['trigger'] }),
            },
          },
        },
      },
      TimeStampStream: {
        items: {
          Stream_0: {
            attributes: { Label: 'Spikes', DataSubType: 'NeuralSpike' },
            items: {
              TimeStampEntity_7: plain(BigInt64Array.of(3000n, 1000n), [1, 2]),
              InfoTimeStamp: table({
                TimeStampEntityID: Int32Array.of(7),
                Label: ['E7'],
                Exponent: Int32Array.of(-6),
              }),
            },
          },
        },
      },
    };
    return {
      attributes: { McsHdf5ProtocolVersion: 1, McsHdf5ProtocolType: 'RawData' },
      items: { Data: { items: { Recording_0: { items } } } },
    };
  }

  it('has voltages with its own arithmetic, pauses, events and spikes', async () => {
    await withFile(file(stream()), async (opened) => {
      expect(opened).toMatchObject({ format: 'mcs', sampleRateHz: 10_000 });
      expect(opened.signals.map(({ signal }) => [signal.name, signal.firstSample, signal.frames])).toEqual([
        ['Filter Data (1)', 500, 6],
        ['Filter Data (2)', 900, 4],
      ]);
      const { channels } = opened.signals[0]!.signal;
      expect(channels.map(({ name }) => name)).toEqual(['E1', 'E2']);
      const { samples } = await opened.signals[1]!.readBlock(0, 1);
      // Frame 6: E1 is row 1, whose zero is 10.
      expect(Array.from(samples)).toEqual([106, 6]);
      const uv = Array.from(samples, (raw, k) => raw * channels[k]!.gainUvPerBit + channels[k]!.offsetUv);
      expect(uv[0]).toBeCloseTo((106 - 10) * 500e-9 * 1e6, 9);
      expect(uv[1]).toBeCloseTo(6 * 250e-9 * 1e6, 9);
      expect(opened.marks).toEqual([
        { timeS: 0.002, label: 'Digital trigger' },
        { timeS: 0.005, durationS: 0.0003, label: 'Digital trigger' },
      ]);
      expect(opened.spikes.map(({ name, electrode, timesS }) => [name, electrode, ...timesS])).toEqual([
        ['Spikes E7', 7, 0.001, 0.003],
      ]);
    });
  });

  it.each([
    ['rows that are not in it', stream({ RowIndex: Int32Array.of(0, 2) })],
    ['rows that occur twice', stream({ RowIndex: Int32Array.of(1, 1) })],
    ['stretches beyond its end', stream({}, [0, 0, 2_000_000])],
    ['stretches that overlap', stream({}, [0, 0, 5, 600, 4, 9])],
  ])('is refused with %s', async (_, analog) => {
    expect(await refusal(file(analog))).toMatchObject({ tag: 'bad-format' });
  });
});

describe('an NWB file', () => {
  const electrodes = {
    id: plain(Int32Array.of(10, 11, 12)),
    x: plain(Float64Array.of(1, 2, NaN)),
    y: plain(Float64Array.of(4, 5, 6)),
  };
  const region = plain(Int32Array.of(1, 0));
  const start = (at: number): Hdf5Content['items'] => ({
    starting_time: plain(Float64Array.of(at), [], { rate: 1000 }),
  });
  const samples = plain(Int16Array.from(grid(8, 2)), [8, 2], { conversion: 1e-6, offset: 2e-6 });

  function nwb(series: NonNullable<Hdf5Content['items']>, others: Hdf5Content['items'] = {}): Hdf5Content {
    return {
      attributes: { nwb_version: '2.7.0' },
      items: {
        acquisition: { items: { raw: { attributes: { neurodata_type: 'ElectricalSeries' }, items: series } } },
        general: { items: { extracellular_ephys: { items: { electrodes: { items: electrodes } } } } },
        ...others,
      },
    };
  }

  it('has series of integers, electrodes, units and trials', async () => {
    const others: Hdf5Content['items'] = {
      units: {
        items: {
          spike_times: plain(Float64Array.of(0.1, 0.2, 0.05)),
          spike_times_index: plain(Uint32Array.of(2, 3)),
          id: plain(Int32Array.of(0, 1)),
          electrodes: plain(Int32Array.of(2)),
          electrodes_index: plain(Uint32Array.of(0, 1)),
        },
      },
      intervals: {
        items: {
          trials: {
            items: { start_time: plain(Float64Array.of(0.5, 1.5)), stop_time: plain(Float64Array.of(0.75, 1.75)) },
          },
          epochs: {},
        },
      },
      processing: { items: { ecephys: {} } },
    };
    const series = {
      ...start(3),
      data: samples,
      electrodes: region,
      channel_conversion: plain(Float64Array.of(2, 4)),
    };
    await withFile(nwb(series, others), async (file) => {
      expect(file).toMatchObject({ format: 'nwb', writtenBy: 'NWB 2.7.0', sampleRateHz: 1000 });
      const { signal } = file.signals[0]!;
      expect(signal).toMatchObject({ name: 'raw', firstSample: 3000, frames: 8 });
      expect(signal.channels).toEqual([
        { name: 'electrode 11', gainUvPerBit: 2, offsetUv: 2, electrode: 11 },
        { name: 'electrode 10', gainUvPerBit: 4, offsetUv: 2, electrode: 10 },
      ]);
      expect(Array.from((await file.signals[0]!.readBlock(6, 9)).samples)).toEqual([600, 601, 700, 701]);
      expect(file.electrodes).toEqual([
        { name: 'electrode 10', channel: 1, xUm: 1, yUm: 4 },
        { name: 'electrode 11', channel: 0, xUm: 2, yUm: 5 },
      ]);
      expect(file.spikes.map(({ name, electrode, timesS }) => [name, electrode, ...timesS])).toEqual([
        ['unit 0', undefined, 0.1, 0.2],
        ['unit 1', 2, 0.05],
      ]);
      expect(file.marks).toEqual([
        { timeS: 0.5, durationS: 0.25, label: 'trial 0' },
        { timeS: 1.5, durationS: 0.25, label: 'trial 1' },
      ]);
      expect(file.unread).toEqual(['/processing/ecephys is not read', '/intervals/epochs is not read']);
    });
  });

  it('may give a time for each frame, with gaps', async () => {
    const timestamps = plain(Float64Array.from([0, 1, 2, 3, 50, 51, 52, 53], (ms) => 1 + ms / 1000));
    await withFile(nwb({ data: samples, timestamps }), (file) => {
      expect(file.signals.map(({ signal }) => [signal.firstSample, signal.frames, signal.sampleRateHz])).toEqual([
        [1000, 4, 1000],
        [1050, 4, 1000],
      ]);
      return Promise.resolve();
    });
  });

  it.each([
    ['32', Float32Array.from([0.5, -1.25, 2 ** -20, 3, NaN, 5]), Float32Array],
    ['64', Float64Array.from([0.1, -1.25, 1e-9, 3, 4, 5]), Float64Array],
  ])('may have series of %s-bit floats, which are given out as they are', async (_, values, kind) => {
    const data = plain(values, [3, 2], { conversion: 1e-3, offset: 2e-6 });
    await withFile(nwb({ ...start(2), data, channel_conversion: plain(Float64Array.of(1, 2)) }), async (file) => {
      expect(file.unread).toEqual([]);
      const [reader] = file.signals;
      expect(reader!.signal).toMatchObject({ firstSample: 2000, frames: 3, sampleRateHz: 1000 });
      expect(reader!.signal.channels.map(({ gainUvPerBit, offsetUv }) => [gainUvPerBit, offsetUv])).toEqual([
        [1000, 2],
        [2000, 2],
      ]);
      const { samples: whole } = await reader!.readBlock(0, 9);
      expect(whole).toBeInstanceOf(kind);
      expect(Array.from(whole)).toEqual(Array.from(values));
      expect(Array.from((await reader!.readBlock(1, 1)).samples)).toEqual(Array.from(values.subarray(2, 4)));
    });
  });

  it.each([
    ['times that go back', nwb({ data: samples, timestamps: plain(Float64Array.of(0, 1, 2, 3, 2, 3, 4, 5)) })],
    ['too few times', nwb({ data: samples, timestamps: plain(Float64Array.of(0, 1)) })],
    ['no times', nwb({ data: samples })],
    [
      'conversions for other channels',
      nwb({ ...start(0), data: samples, channel_conversion: plain(Float64Array.of(1)) }),
    ],
    [
      'an index beyond the spike times',
      nwb(
        { ...start(0), data: samples },
        {
          units: {
            items: {
              spike_times: plain(Float64Array.of(1, 2)),
              spike_times_index: plain(Uint32Array.of(1, 4_000_000_000)),
            },
          },
        },
      ),
    ],
  ])('is refused with %s', async (_, content) => {
    expect(await refusal(content)).toMatchObject({ tag: 'bad-format' });
  });
});

describe('a file of the retinal-wave repository', () => {
  const positions = plain(Float64Array.of(1, 2, 3, 4), [2, 2]);
  const content = (counts: Int32Array): Hdf5Content => ({
    items: {
      spikes: chunked(Float64Array.of(0.5, 0.7, 0.1), [3], [3]),
      sCount: plain(counts),
      epos: positions,
      names: plain(['a', 'b']),
    },
  });

  it('has the spikes and the place of each unit', async () => {
    await withFile(content(Int32Array.of(2, 1)), (file) => {
      expect(file.spikes.map(({ name, timesS }) => [name, ...timesS])).toEqual([
        ['a', 0.5, 0.7],
        ['b', 0.1],
      ]);
      expect(file.electrodes).toEqual([
        { name: 'a', xUm: 1, yUm: 3 },
        { name: 'b', xUm: 2, yUm: 4 },
      ]);
      return Promise.resolve();
    });
  });

  it.each([Int32Array.of(2, 2), Int32Array.of(4, -1), Int32Array.of()])('is refused with counts %o', async (counts) => {
    expect(await refusal(content(counts))).toMatchObject({ tag: 'bad-format' });
  });
});

describe('an HDF5 file of nobody known', () => {
  it('is refused, saying what is in it', async () => {
    expect(await refusal({ items: { mine: plain(Int32Array.of(1)) } })).toMatchObject({
      tag: 'bad-format',
      details: { what: 'An HDF5 file of an unknown recorder', got: 'mine' },
    });
  });
});
