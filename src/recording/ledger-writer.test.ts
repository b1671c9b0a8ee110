import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeaError } from '../../protocols/errors.js';
import type { LatencyRecord, LedgerRecord } from '../../protocols/ledger.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { describeWithSmallDisk } from '../../tests/helpers/small-disk.js';
import { readLedger } from './ledger-reader.js';
import { deferLedgerWriter, openLedgerWriter, type LedgerPaths, type LedgerWriter } from './ledger-writer.js';
import { readNewestState } from './source-state.js';

const root = temporaryFolder('ledger');
let counter = 0;
function newPaths(folder = join(root, `${(counter += 1)}`)): LedgerPaths {
  mkdirSync(folder, { recursive: true });
  return { ledger: join(folder, 'l.jsonl'), latency: join(folder, 't.jsonl'), state: join(folder, 's.bin') };
}

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

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
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
    'holds whole lines after each batch of %i records, and all of them when closed',
    (batch) => {
      const paths = newPaths();
      const writer = openLedgerWriter({ paths, batchRecords: batch });
      const records = Array.from({ length: 20 }, (_, i) => trialRecord(i));
      records.forEach((record, i) => {
        writer.append(record);
        const written = readFileSync(paths.ledger, 'utf8');
        expect(written === '' || written.endsWith('\n')).toBe(true);
        expect(linesOf(paths.ledger)).toHaveLength(Math.floor((i + 1) / batch) * batch);
      });
      writer.close();
      expect(linesOf(paths.ledger)).toEqual(records.map((record) => JSON.stringify(record)));
      expect(readLedger(paths.ledger).records).toEqual(records);
    },
  );

  it('keeps host times in a file of their own, at once', () => {
    const paths = newPaths();
    const writer = openLedgerWriter({ paths, batchRecords: 100 });
    writer.appendLatency(LATENCY);
    expect(linesOf(paths.latency)).toEqual([JSON.stringify(LATENCY)]);
    expect(readFileSync(paths.ledger, 'utf8')).toBe('');
    writer.close();
  });

  it('can be closed twice, and writes nothing the second time', () => {
    const paths = newPaths();
    const writer = openLedgerWriter({ paths, batchRecords: 5 });
    writer.append(trialRecord(0));
    writer.close();
    writer.close();
    expect(linesOf(paths.ledger)).toHaveLength(1);
  });

  it('saves a state with its position, and never one that is ahead of the written records', () => {
    const paths = newPaths();
    const writer = openLedgerWriter({ paths, batchRecords: 2 });
    const positions: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      writer.append(i === 2 ? restRecord(0) : trialRecord(i));
      writer.saveSourceState(Uint8Array.of(i));
      const saved = readNewestState(paths.state);
      positions.push(saved && [saved.trials, saved.rests, ...saved.state]);
      if (saved !== undefined) expect(saved.trials + saved.rests).toBe(linesOf(paths.ledger).length);
    }
    writer.close();
    expect(positions).toEqual([undefined, [2, 0, 1], [2, 0, 1], [3, 1, 3], [3, 1, 3]]);
  });

  it('goes on after its whole lines, a torn one cut off, with the positions counted on', () => {
    const paths = newPaths();
    const first = openLedgerWriter({ paths, batchRecords: 1 });
    first.append(trialRecord(0));
    first.append(restRecord(0));
    first.close();
    const wholeBytes = readFileSync(paths.ledger).length;
    writeFileSync(paths.ledger, '{"type":"tri', { flag: 'a' });
    const continued = { wholeBytes, trials: 1, rests: 1 };
    const second = openLedgerWriter({ paths, batchRecords: 1, continued });
    second.append(trialRecord(1));
    second.saveSourceState(Uint8Array.of(9));
    second.close();
    expect(readLedger(paths.ledger).records).toEqual([trialRecord(0), restRecord(0), trialRecord(1)]);
    expect(readNewestState(paths.state)).toMatchObject({ trials: 2, rests: 1 });
  });

  it('names the file of a folder that is not there', () => {
    const paths = { ...newPaths(), ledger: join(root, 'none', 'l.jsonl') };
    const error = errorOf(() => openLedgerWriter({ paths, batchRecords: 1 }));
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/Cannot open the file for writing.*none\/l\.jsonl/);
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

  it.each(uses)('is opened once, by the first thing written to it (%s)', (_, use) => {
    const paths = newPaths();
    let opened = 0;
    const writer = deferLedgerWriter(() => {
      opened++;
      return openLedgerWriter({ paths, batchRecords: 1 });
    });
    expect([opened, existsSync(paths.ledger)]).toEqual([0, false]);
    use(writer);
    use(writer);
    expect([opened, existsSync(paths.ledger)]).toEqual([1, true]);
    writer.close();
  });

  it('that was never written to opens nothing when it is closed', () => {
    const paths = newPaths();
    const writer = deferLedgerWriter(() => openLedgerWriter({ paths, batchRecords: 1 }));
    writer.close();
    expect(existsSync(paths.ledger)).toBe(false);
  });
});

describeWithSmallDisk('a ledger on a disk that fills up', 64, (disk) => {
  it('keeps whole lines and a torn one at most, names the file and the reason, and can go on once there is room', () => {
    const paths = newPaths(join(disk.path, 'run'));
    const writer = openLedgerWriter({ paths, batchRecords: 3 });
    let appended = 0;
    const error = errorOf(() => {
      for (;;) {
        writer.append(trialRecord(appended));
        appended++;
      }
    });
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/Cannot write: got no space left on the disk \(.*run\/l\.jsonl\)/);
    // nothing is tried again when it is closed
    const size = readFileSync(paths.ledger).length;
    writer.close();
    const stored = readLedger(paths.ledger);
    expect(stored.wholeBytes + stored.tornBytes).toBe(size);
    expect(stored.records).toEqual(Array.from({ length: stored.records.length }, (_, i) => trialRecord(i)));
    expect(stored.records.length).toBeGreaterThan(appended - 3);
    disk.resize(256);
    const continued = { wholeBytes: stored.wholeBytes, trials: stored.records.length, rests: 0 };
    const again = openLedgerWriter({ paths, batchRecords: 1, continued });
    again.append(restRecord(0));
    again.close();
    const after = readLedger(paths.ledger);
    expect([after.tornBytes, after.records.length, after.records.at(-1)]).toEqual([
      0,
      continued.trials + 1,
      restRecord(0),
    ]);
  });
});

describe('a ledger that is read', () => {
  const START =
    '{"type":"experiment-started","version":1,"experiment":{},"rig":{},"source":{"provenance":"emulated","device":"d","electrodes":3,"stimulatedElectrodes":[0,1],"sampleRateHz":20000,"responseWindowMs":[10,30]}}\n';
  const TEXT = `${START}${JSON.stringify(trialRecord(0))}\n${JSON.stringify(restRecord(0))}\n`;

  it('has the records of its whole lines wherever it is cut', () => {
    const path = newPaths().ledger;
    const bytes = Buffer.from(TEXT);
    writeFileSync(path, bytes);
    for (let length = bytes.length; length >= 0; length--) {
      truncateSync(path, length);
      const { lines, records, wholeBytes, tornBytes } = readLedger(path);
      const whole = bytes.subarray(0, length).toString().split('\n').length - 1;
      expect([lines.length, records.length]).toEqual([whole, whole]);
      expect(wholeBytes + tornBytes).toBe(length);
      expect(lines.map((line) => `${line}\n`).join('')).toBe(TEXT.slice(0, wholeBytes));
    }
  });

  it('that is missing, a folder, or of a newer version says so before anything else', () => {
    const path = newPaths().ledger;
    expect(
      isMeaError(
        errorOf(() => readLedger(path)),
        'missing',
      ),
    ).toBe(true);
    expect(
      isMeaError(
        errorOf(() => readLedger(root)),
        'missing',
      ),
    ).toBe(true);
    writeFileSync(path, TEXT.replace('"version":1', '"version":2').replace('"trial"', '"future"'));
    expect(String(errorOf(() => readLedger(path)))).toMatch(/newer than this program: got ledger version 2.*line 1/);
  });

  const damages: readonly (readonly [what: string, change: readonly [from: string, to: string], message: RegExp])[] = [
    ['a line that is not JSON', ['{"type":"trial"', '{"type":trial'], /not JSON.*line 2/],
    ['a line that is no record', ['"trial":0', '"trial":-1'], /not a record.*trial: .*line 2/],
    ['a count that is not whole', ['"counts":[0', '"counts":[0.5'], /not a record.*counts\.0.*line 2/],
    ['a count above the largest', ['65535', '65536'], /not a record.*counts\.2.*line 2/],
    ['a missing field', [',"window":[200,600]', ''], /not a record.*window.*line 2/],
    ['an empty line', ['\n{"type":"rest"', '\n\n{"type":"rest"'], /not JSON.*line 3/],
    ['a word for a number', ['"seconds":244', '"seconds":"long"'], /not a record.*seconds.*line 3/],
  ];

  it.each(damages)('refuses %s and names the line and the field', (_, [from, to], message) => {
    const path = newPaths().ledger;
    expect(TEXT).toContain(from);
    writeFileSync(path, TEXT.replace(from, to));
    const error = errorOf(() => readLedger(path));
    expect(isMeaError(error, 'bad-format')).toBe(true);
    expect(String(error)).toMatch(message);
  });
});
