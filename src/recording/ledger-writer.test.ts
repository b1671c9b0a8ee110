import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import type { LatencyRecord, LedgerRecord } from '../../protocols/ledger.js';
import {
  journalBytes,
  journalFrames,
  openTestLedger,
  writeFrames,
  writeJournal,
} from '../../tests/helpers/recorded-journal.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { describeWithSmallDisk } from '../../tests/helpers/small-disk.js';
import { segmentName } from './journal/journal-writer.js';
import { listSegments } from './journal/scan-journal.js';
import { readLedger } from './ledger-reader.js';
import { deferLedgerWriter, type LedgerWriter } from './ledger-writer.js';
import { readNewestState } from './source-state.js';

const root = temporaryFolder('ledger');
let counter = 0;
function newFolder(folder = join(root, `${(counter += 1)}`)): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

const stateIn = (folder: string): string => join(folder, 'source-state.bin');

function restRecord(session: number): LedgerRecord {
  return { type: 'rest', session, seconds: 244 };
}

function trialRecord(trial: number): LedgerRecord {
  return {
    type: 'trial',
    session: 0,
    trial,
    sources: '10',
    inputs: '1010',
    atSample: trial * 20_000,
    delivery: 'delivered',
    deliveredSample: trial * 20_000,
    window: [trial * 20_000 + 200, trial * 20_000 + 600],
    counts: [trial, 0, 65_535],
  };
}

const summary = { median: 1, p99: 2, max: 3 };
const LATENCY: LatencyRecord = { type: 'latency', session: 0, responseUs: summary, updateUs: summary };

function linesOf(folder: string): readonly string[] {
  return readLedger(folder).lines;
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a ledger that is written', () => {
  it.each([1, 2, 7, 13, 100])(
    'holds whole records after each batch of %i records, and all of them when closed',
    async (batch) => {
      const folder = newFolder();
      const writer = openTestLedger(folder, { ledgerBatch: batch });
      const records = Array.from({ length: 20 }, (_, i) => trialRecord(i));
      records.forEach((record, i) => {
        writer.append(record);
        const { lines, tornBytes } = readLedger(folder);
        expect([lines.length, tornBytes]).toEqual([Math.floor((i + 1) / batch) * batch, 0]);
      });
      await writer.close();
      expect(linesOf(folder)).toEqual(records.map((record) => JSON.stringify(record)));
      expect(readLedger(folder).records).toEqual(records);
    },
  );

  it('keeps host times apart from the records, and knows the newest', async () => {
    const folder = newFolder();
    const writer = openTestLedger(folder);
    writer.appendLatency(LATENCY);
    writer.append(trialRecord(0));
    writer.appendLatency({ ...LATENCY, session: 1 });
    writer.append(trialRecord(1));
    await writer.close();
    expect(readLedger(folder)).toMatchObject({
      records: [trialRecord(0), trialRecord(1)],
      newestLatency: { ...LATENCY, session: 1 },
    });
    const told = journalFrames(folder).map(({ name }) => name);
    expect(told.filter((name) => name === 'ledger' || name === 'latency')).toEqual([
      'latency',
      'ledger',
      'latency',
      'ledger',
    ]);
  });

  it('keeps models of sessions, as they come', async () => {
    const folder = newFolder();
    const writer = openTestLedger(folder);
    const w1 = Float64Array.of(0.1 + 0.2, 2);
    writer.appendModel!({ session: 3, sources: 1, inputs: 2, w1, w0: Float64Array.of(3, 1e-300) });
    await writer.close();
    const { payload } = journalFrames(folder).find(({ name }) => name === 'model')!;
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({
      session: 3,
      sources: 1,
      inputs: 2,
      w1: [0.1 + 0.2, 2],
      w0: [3, 1e-300],
    });
  });

  it('can be closed twice, and writes nothing the second time', async () => {
    const folder = newFolder();
    const writer = openTestLedger(folder, { ledgerBatch: 5 });
    writer.append(trialRecord(0));
    await writer.close();
    const bytes = journalBytes(folder);
    await writer.close();
    expect(linesOf(folder)).toHaveLength(1);
    expect(journalBytes(folder).equals(bytes)).toBe(true);
  });

  it('saves a state with its position, and never one that is ahead of the written records', async () => {
    const folder = newFolder();
    const writer = openTestLedger(folder, { ledgerBatch: 2 });
    const positions: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      writer.append(i === 2 ? restRecord(0) : trialRecord(i));
      writer.saveSourceState(Uint8Array.of(i));
      const saved = readNewestState(stateIn(folder));
      positions.push(saved && [saved.trials, saved.rests, ...saved.state]);
      if (saved !== undefined) expect(saved.trials + saved.rests).toBe(linesOf(folder).length);
    }
    await writer.close();
    expect(positions).toEqual([undefined, [2, 0, 1], [2, 0, 1], [3, 1, 3], [3, 1, 3]]);
  });

  it('goes on after its whole records, a torn one left as it is and passed over, with the positions counted on', async () => {
    const folder = newFolder();
    const first = openTestLedger(folder);
    first.append(trialRecord(0));
    first.append(restRecord(0));
    await first.close();
    const [segment] = listSegments(folder);
    writeFileSync(segment!, journalBytes(folder).subarray(0, 60), { flag: 'a' });
    const torn = readFileSync(segment!);
    expect(readLedger(folder).tornBytes).toBe(60);
    const second = openTestLedger(folder, { position: { trials: 1, rests: 1 } });
    second.append(trialRecord(1));
    second.saveSourceState(Uint8Array.of(9));
    await second.close();
    expect(readLedger(folder)).toMatchObject({
      records: [trialRecord(0), restRecord(0), trialRecord(1)],
      tornBytes: 0,
    });
    expect(readFileSync(segment!).equals(torn)).toBe(true);
    expect(listSegments(folder)).toHaveLength(2);
    expect(readNewestState(stateIn(folder))).toMatchObject({ trials: 2, rests: 1 });
  });

  it('names the file of a folder that is not there', () => {
    const error = errorOf(() => openTestLedger(join(root, 'none'), { reserveBytes: 0 }));
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/Cannot make the journal.*none\/journal-0000\.log/);
  });
});

describe('a deferred writer', () => {
  const uses: readonly (readonly [what: string, use: (writer: LedgerWriter) => void])[] = [
    [
      'a record',
      (writer) => {
        writer.append(trialRecord(0));
      },
    ],
    [
      'a latency',
      (writer) => {
        writer.appendLatency(LATENCY);
      },
    ],
    [
      'a state',
      (writer) => {
        writer.saveSourceState(Uint8Array.of(1));
      },
    ],
  ];

  it.each(uses)('is opened once, by the first thing written to it (%s)', async (_, use) => {
    const folder = newFolder();
    let opened = 0;
    const writer = deferLedgerWriter(() => {
      opened++;
      return openTestLedger(folder);
    });
    expect([opened, listSegments(folder).length]).toEqual([0, 0]);
    use(writer);
    use(writer);
    expect([opened, listSegments(folder).length]).toEqual([1, 1]);
    await writer.close();
  });

  it('that was never written to opens nothing when it is closed, and gives up what was to be written to', async () => {
    const folder = newFolder();
    let givenUp = 0;
    const giveUp = (): Promise<void> => {
      givenUp++;
      return Promise.resolve();
    };
    await deferLedgerWriter(() => openTestLedger(folder)).close();
    await deferLedgerWriter(() => openTestLedger(folder), giveUp).close();
    expect([listSegments(folder).length, givenUp]).toEqual([0, 1]);
  });
});

describeWithSmallDisk('a ledger on a disk that fills up', 64, (disk) => {
  it('keeps whole records alone, names the file and the reason, and can go on once there is room', async () => {
    const folder = newFolder(join(disk.path, 'run'));
    const told: string[] = [];
    const writer = openTestLedger(folder, {
      ledgerBatch: 3,
      reserveBytes: 8192,
      onNotice: ({ type }) => told.push(type),
    });
    expect(existsSync(join(folder, 'reserve.bin'))).toBe(true);
    let appended = 0;
    const error = errorOf(() => {
      for (;;) {
        writer.append(trialRecord(appended));
        appended++;
      }
    });
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/Cannot write: got no space left on the disk \(.*run\/journal-0000\.log\)/);
    expect(told).toEqual(['failed']);
    // The room that was held back for the end was used up first.
    expect(existsSync(join(folder, 'reserve.bin'))).toBe(false);
    // nothing is tried again when it is closed
    const bytes = journalBytes(folder);
    const refused = errorOf(() => {
      writer.append(restRecord(0));
    });
    expect(refused).toBe(error);
    await expect(writer.close()).rejects.toBe(error);
    expect(journalBytes(folder).equals(bytes)).toBe(true);
    const stored = readLedger(folder);
    expect(stored.tornBytes).toBe(0);
    expect(stored.records).toEqual(Array.from({ length: stored.records.length }, (_, i) => trialRecord(i)));
    expect(stored.records.length).toBeGreaterThan(appended - 3);
    disk.resize(256);
    const trials = stored.records.length;
    const again = openTestLedger(folder, { position: { trials, rests: 0 } });
    again.append(restRecord(0));
    await again.close();
    const after = readLedger(folder);
    expect([after.tornBytes, after.records.length, after.records.at(-1)]).toEqual([0, trials + 1, restRecord(0)]);
  });

  it('says that it is whole in the room that was held back, when the disk was filled by another', async () => {
    disk.resize(256);
    const folder = newFolder(join(disk.path, 'ended'));
    const writer = openTestLedger(folder, { ledgerBatch: 1000, reserveBytes: 8192 });
    for (let i = 0; i < 20; i++) writer.append(trialRecord(i));
    const filler = join(disk.path, 'filler');
    errorOf(() => {
      for (;;) writeFileSync(filler, Buffer.alloc(4096), { flag: 'a' });
    });
    await writer.close();
    expect(readLedger(folder).records).toHaveLength(20);
    expect(journalFrames(folder).at(-1)?.name).toBe('clean-stop');
  });
});

describe('a ledger that is read', () => {
  const START =
    '{"type":"experiment-started","version":1,"experiment":{},"rig":{},"source":{"provenance":"emulated","device":"d","electrodes":3,"stimulatedElectrodes":[0,1],"sampleRateHz":20000,"responseWindowMs":[10,30]}}';
  const LINES = [START, JSON.stringify(trialRecord(0)), JSON.stringify(restRecord(0))];

  it('has the records of its whole frames wherever it is cut', () => {
    const folder = newFolder();
    writeJournal(folder, LINES);
    const frames = journalFrames(folder);
    const [segment] = listSegments(folder);
    for (let length = frames.at(-1)!.to; length >= 0; length--) {
      truncateSync(segment!, length);
      const { lines, records, tornBytes } = readLedger(folder);
      const whole = frames.filter(({ to }) => to <= length);
      const told = whole.filter(({ name }) => name === 'ledger').length;
      expect([lines, records.length], `cut to ${length}`).toEqual([LINES.slice(0, told), told]);
      expect((whole.at(-1)?.to ?? 0) + tornBytes).toBe(length);
    }
  });

  it('that is missing, a file, or of a newer version says so before anything else', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const path of [folder, join(folder, 'file'), join(root, 'nowhere')]) {
      expect(
        isMeaError(
          errorOf(() => readLedger(path)),
          'missing',
        ),
        path,
      ).toBe(true);
    }
    writeJournal(
      folder,
      LINES.map((line) => line.replace('"version":1', '"version":2').replace('"trial"', '"future"')),
    );
    const from = journalFrames(folder).find(({ name }) => name === 'ledger')!.from;
    expect(String(errorOf(() => readLedger(folder)))).toContain(
      `newer than this program: got ledger version 2, expected at most 1 (${join(folder, segmentName(0))}, byte ${from})`,
    );
  });

  it('with records missing in its middle is refused, and says how many and where', () => {
    const folder = newFolder();
    writeFrames(folder, { segment: 0, seq: 0 }, [['ledger', LINES[0]!]]);
    writeFrames(folder, { segment: 1, seq: 3 }, [['ledger', LINES[1]!]]);
    const error = errorOf(() => readLedger(folder));
    expect(isMeaError(error, 'bad-format')).toBe(true);
    expect(String(error)).toMatch(
      /Records are missing.*got 2 fewer than were written, from number 1, before byte 0 of .*journal-0001\.log/,
    );
  });

  const damages: readonly (readonly [
    what: string,
    change: readonly [record: number, from: string, to: string],
    message: RegExp,
  ])[] = [
    ['a record that is not JSON', [1, '{"type":"trial"', '{"type":trial'], /is not JSON/],
    ['a record that is none', [1, '"trial":0', '"trial":-1'], /not what it should be: got trial: /],
    ['a record of no known type', [1, '"trial"', '"trail"'], /not what it should be: got type: /],
    ['a count that is not whole', [1, '"counts":[0', '"counts":[0.5'], /not what it should be: got counts\.0: /],
    ['a count above the largest', [1, '65535', '65536'], /not what it should be: got counts\.2: /],
    ['a missing field', [1, ',"window":[200,600]', ''], /not what it should be: got window: /],
    ['an empty record', [2, JSON.stringify(restRecord(0)), ''], /is not JSON/],
    ['a word for a number', [2, '"seconds":244', '"seconds":"long"'], /not what it should be: got seconds: /],
  ];

  it.each(damages)('refuses %s and names its place and the field', (_, [record, from, to], message) => {
    const folder = newFolder();
    expect(LINES[record]).toContain(from);
    writeJournal(
      folder,
      LINES.map((line, i) => (i === record ? line.replace(from, to) : line)),
    );
    const frame = journalFrames(folder).filter(({ name }) => name === 'ledger')[record]!;
    const error = errorOf(() => readLedger(folder));
    expect(isMeaError(error, 'bad-format')).toBe(true);
    expect(String(error)).toMatch(message);
    expect(String(error)).toContain(`(${join(folder, segmentName(0))}, byte ${frame.from})`);
  });

  it('refuses a record that is no text', () => {
    const folder = newFolder();
    writeFrames(folder, { segment: 0, seq: 0 }, [['ledger', Uint8Array.of(0x22, 0xff, 0x22)]]);
    expect(String(errorOf(() => readLedger(folder)))).toMatch(/no text|not JSON/);
  });
});
