import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { crc32c } from '../../../protocols/mea-link/crc32c.js';
import { isMeaError } from '../../../protocols/errors.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { systemDisk, type Disk } from '../disk/disk.js';
import { FRAME_BYTES, FRAME_MAGIC, MAX_PAYLOAD_BYTES, putFrame, type FrameType } from './frame.js';
import { JournalWriter, segmentName } from './journal-writer.js';
import { listSegments, scanJournal, segmentNumber } from './scan-journal.js';

const root = temporaryFolder('scan');
let counter = 0;
function newFolder(): string {
  const folder = join(root, `${(counter += 1)}`);
  mkdirSync(folder);
  return folder;
}

function write(folder: string, bytes: Uint8Array, segment = 0): void {
  writeFileSync(join(folder, segmentName(segment)), bytes);
}

function frame(type: FrameType, seq: number, text: string): Buffer {
  const payload = Buffer.from(text);
  const bytes = Buffer.alloc(payload.length + FRAME_BYTES);
  putFrame(bytes, 0, { type, seq, payload });
  return bytes;
}

/** What a scan finds, in words; payloads are copied. */
interface Found {
  readonly frames: readonly string[];
  readonly damage: readonly (readonly [from: number, to: number, isTail: boolean])[];
  readonly missing: readonly (readonly [fromSeq: number, frames: number])[];
}

function scan(folder: string): Found {
  const frames: string[] = [];
  const damage: Found['damage'][number][] = [];
  const missing: Found['missing'][number][] = [];
  for (const item of scanJournal(folder)) {
    if (item.type === 'frame') frames.push(`${item.seq} ${item.name} ${Buffer.from(item.payload).toString()}`);
    else if (item.type === 'damage') damage.push([item.from, item.to, item.isTail]);
    else missing.push([item.fromSeq, item.frames]);
  }
  return { frames, damage, missing };
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

const PARTS: readonly (readonly [type: FrameType, text: string])[] = [
  ['session', '{"version":1}'],
  ['ledger', '{"type":"rest"}'],
  ['spikes', ''],
  // What looks like the beginning of a frame is none.
  ['event', 'MEAJ'],
  ['ledger', 'MEAJ\u0005\u0000\u0001\u0000\u0003\u0000\u0000\u0000MEAJ'],
  ['sync', '{}'],
];
const FRAMES = PARTS.map(([type, text], seq) => frame(type, seq, text));
const WORDS = PARTS.map(([type, text], seq) => `${seq} ${type} ${text}`);
const WHOLE = Buffer.concat(FRAMES);
/** Where each frame ends. */
const ENDS = FRAMES.map((_, i) => Buffer.concat(FRAMES.slice(0, i + 1)).length);

describe('a journal that is read', () => {
  it('has its frames in order', () => {
    const folder = newFolder();
    write(folder, WHOLE);
    expect(scan(folder)).toEqual({ frames: WORDS, damage: [], missing: [] });
    expect([...scanJournal(folder)].map((item) => item.type === 'frame' && item.offset)).toEqual([
      0,
      ...ENDS.slice(0, -1),
    ]);
  });

  it('has the frames that are whole wherever it is cut, and says how much is not', () => {
    const folder = newFolder();
    for (let length = 0; length <= WHOLE.length; length++) {
      write(folder, WHOLE.subarray(0, length));
      const whole = ENDS.filter((end) => end <= length).length;
      const end = ENDS[whole - 1] ?? 0;
      expect(scan(folder), `cut to ${length} bytes`).toEqual({
        frames: WORDS.slice(0, whole),
        damage: end === length ? [] : [[end, length, true]],
        missing: [],
      });
    }
  });

  it.each([0x01, 0x40, 0x80, 0xff])('with any byte changed (xor %i) loses that frame alone, and says so', (mask) => {
    const folder = newFolder();
    for (let at = 0; at < WHOLE.length; at++) {
      const bytes = Buffer.from(WHOLE);
      bytes[at]! ^= mask;
      write(folder, bytes);
      const hit = ENDS.findIndex((end) => at < end);
      const [from, to] = [ENDS[hit - 1] ?? 0, ENDS[hit]!];
      const isLast = hit === FRAMES.length - 1;
      expect(scan(folder), `byte ${at}`).toEqual({
        frames: WORDS.filter((_, i) => i !== hit),
        damage: [[from, to, isLast]],
        missing: isLast ? [] : [[hit, 1]],
      });
    }
  });

  const garbage: readonly (readonly [what: string, bytes: () => Buffer])[] = [
    ['a byte', () => Buffer.of(0x4d)],
    ['three bytes of a magic', () => Buffer.from('MEA')],
    ['zeros', () => Buffer.alloc(5000)],
    ['many magics', () => Buffer.from('MEAJ'.repeat(500))],
    ['a head that promises a little', () => headOf(10)],
    ['a head that promises what follows', () => headOf(WHOLE.length)],
    ['a head that promises more than there is', () => headOf(10_000_000)],
    ['a head that promises the most', () => headOf(MAX_PAYLOAD_BYTES)],
    ['a head that promises more than any frame holds', () => headOf(2 ** 32 - 1)],
    ['more than is read at once', () => Buffer.alloc(2 ** 18 + 12_345, 'MEA')],
    ['the first half of a frame', () => FRAMES[4]!.subarray(0, 30)],
  ];

  it.each(garbage)('has all its frames where there is %s before, between or after them', (_, make) => {
    const folder = newFolder();
    const bytes = make();
    for (let place = 0; place <= FRAMES.length; place++) {
      write(folder, Buffer.concat([...FRAMES.slice(0, place), bytes, ...FRAMES.slice(place)]));
      const from = ENDS[place - 1] ?? 0;
      expect(scan(folder), `before frame ${place}`).toEqual({
        frames: WORDS,
        damage: [[from, from + bytes.length, place === FRAMES.length]],
        missing: [],
      });
    }
  });

  it('finds a frame wherever it begins after garbage that is longer than what is read at once', () => {
    const folder = newFolder();
    const last = FRAMES[0]!;
    for (let length = 2 ** 18 - last.length - 5; length <= 2 ** 18 + 5; length++) {
      write(folder, Buffer.concat([Buffer.alloc(length, 0x4d), last]));
      expect(scan(folder), `${length} bytes before`).toEqual({
        frames: [WORDS[0]],
        damage: [[0, length, false]],
        missing: [],
      });
    }
  });

  it('reads frames that are longer than what is read at once', () => {
    const folder = newFolder();
    const long = 'x'.repeat(2 ** 20 + 3);
    write(folder, Buffer.concat([frame('ledger', 0, long), frame('sync', 1, '{}'), frame('probe', 2, long)]));
    const { frames, damage, missing } = scan(folder);
    expect(frames.map((word) => word.length)).toEqual([long.length + 9, 9, long.length + 8]);
    expect([damage, missing]).toEqual([[], []]);
  });

  it('is read as far as its reader wants, and closed', () => {
    const folder = newFolder();
    write(folder, WHOLE);
    for (const item of scanJournal(folder)) {
      expect(item.type).toBe('frame');
      break;
    }
    expect(scan(folder).frames).toEqual(WORDS);
  });
});

function headOf(length: number): Buffer {
  const head = FRAMES[1]!.subarray(0, 20);
  const bytes = Buffer.from(head);
  bytes.writeUInt32LE(length, 8);
  return bytes;
}

describe('segments of a journal', () => {
  const numbers = [0, 1, 2, 10, 9999, 10_000];

  it('are read by their numbers, and nothing else is', () => {
    const folder = newFolder();
    // Written in another order than they are read.
    for (const [seq, segment] of [...numbers.entries()].reverse())
      write(folder, frame('sync', seq, `${segment}`), segment);
    for (const name of ['journal-1.log', 'journal-0003.log.tmp', 'xjournal-0003.log', 'journal-.log', 'session.json']) {
      writeFileSync(join(folder, name), 'MEAJ');
    }
    expect(listSegments(folder).map((path) => basename(path))).toEqual([
      'journal-0000.log',
      'journal-0001.log',
      'journal-0002.log',
      'journal-0010.log',
      'journal-9999.log',
      'journal-10000.log',
    ]);
    expect(listSegments(folder).map((path) => segmentNumber(path))).toEqual(numbers);
    expect(scan(folder)).toEqual({
      frames: numbers.map((segment, seq) => `${seq} sync ${segment}`),
      damage: [],
      missing: [],
    });
  });

  it('of which one is gone, or empty, or damaged at its end, are read around it', () => {
    const folder = newFolder();
    FRAMES.forEach((bytes, segment) => {
      write(folder, bytes, segment);
    });
    const others = WORDS.filter((_, i) => i !== 2);
    rmSync(join(folder, segmentName(2)));
    expect(scan(folder)).toEqual({ frames: others, damage: [], missing: [[2, 1]] });
    write(folder, Buffer.alloc(0), 2);
    expect(scan(folder)).toEqual({ frames: others, damage: [], missing: [[2, 1]] });
    write(folder, FRAMES[2]!.subarray(0, 9), 2);
    expect(scan(folder)).toEqual({ frames: others, damage: [[0, 9, true]], missing: [[2, 1]] });
  });

  it('that lost what was never promised go on with the number that it had', () => {
    const folder = newFolder();
    write(folder, Buffer.concat([...FRAMES.slice(0, 3), FRAMES[3]!.subarray(0, 11)]));
    write(folder, Buffer.concat(FRAMES.slice(3)), 1);
    const { frames, damage, missing } = scan(folder);
    expect([frames, damage, missing]).toEqual([WORDS, [[ENDS[2], ENDS[2]! + 11, true]], []]);
  });

  it('whose frames were read before are passed over, and told', () => {
    const folder = newFolder();
    write(folder, WHOLE);
    write(folder, Buffer.concat([FRAMES[1]!, FRAMES[5]!, frame('sync', 6, 'new')]), 1);
    expect(scan(folder)).toEqual({
      frames: [...WORDS, '6 sync new'],
      damage: [
        [0, FRAMES[1]!.length, false],
        [FRAMES[1]!.length, FRAMES[1]!.length + FRAMES[5]!.length, false],
      ],
      missing: [],
    });
  });

  it('are none where there is no folder, or a file in its place', () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'file'), 'MEAJ');
    for (const path of [join(folder, 'none'), join(folder, 'file'), join(folder, 'file', 'below'), folder]) {
      expect(listSegments(path)).toEqual([]);
      expect(scan(path)).toEqual({ frames: [], damage: [], missing: [] });
    }
  });

  it('that cannot be read are refused by name', () => {
    const folder = newFolder();
    mkdirSync(join(folder, segmentName(0)));
    const error = errorOf(() => scan(folder));
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(String(error)).toMatch(/Cannot read the journal: got EISDIR \(.*journal-0000\.log\)/);
  });
});

describe('what this version does not know', () => {
  /** A frame of another version, or type, and whole. */
  function foreign({ code = 11, version = 1 }, seq: number): Buffer {
    const bytes = frame('sync', seq, '{}');
    bytes.writeUInt16LE(code, 4);
    bytes.writeUInt16LE(version, 6);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, -4)), bytes.length - 4);
    return bytes;
  }

  it('is passed over where it is a new type of record, and is not missing', () => {
    const folder = newFolder();
    write(folder, Buffer.concat([FRAMES[0]!, foreign({ code: 900 }, 1), frame('sync', 2, '{}')]));
    expect(scan(folder)).toEqual({ frames: [WORDS[0], '2 sync {}'], damage: [], missing: [] });
  });

  it.each([{ version: 2 }, { version: 65_535 }, { version: 2, code: 900 }])(
    'is refused where it is a newer version (%j)',
    (changes) => {
      const folder = newFolder();
      write(folder, Buffer.concat([FRAMES[0]!, foreign(changes, 1)]));
      const error = errorOf(() => scan(folder));
      expect(isMeaError(error, 'bad-format')).toBe(true);
      expect(String(error)).toMatch(
        new RegExp(
          `newer than this program: got journal version ${changes.version}, expected at most 1 .*newer meactl`,
        ),
      );
    },
  );
});

describe('a journal that is written', () => {
  let texts: readonly string[] = [];
  beforeAll(() => {
    texts = Array.from({ length: 50 }, (_, i) => `${i}`.repeat(1 + (i % 17)));
  });

  it('is read as what was written, over as many segments as it takes', () => {
    for (const flushEvery of [1, 3, 50]) {
      const folder = newFolder();
      const journal = new JournalWriter({ disk: systemDisk(), folder }, { segment: 4, seq: 0 }, 200);
      texts.forEach((text, i) => {
        journal.append('ledger', Buffer.from(text));
        if ((i + 1) % flushEvery === 0) journal.flush();
      });
      journal.sync();
      expect([journal.seq, journal.bufferedBytes]).toEqual([50, 0]);
      journal.close();
      expect(scan(folder)).toEqual({ frames: texts.map((text, i) => `${i} ledger ${text}`), damage: [], missing: [] });
      expect(segmentNumber(listSegments(folder)[0]!)).toBe(4);
      if (flushEvery < 50) expect(listSegments(folder).length).toBeGreaterThan(5);
    }
  });

  it('holds nothing before it is flushed, and whole frames after', () => {
    const folder = newFolder();
    const journal = new JournalWriter({ disk: systemDisk(), folder }, { segment: 0, seq: 7 });
    journal.append('sync', Buffer.from('{}'));
    expect([journal.bufferedBytes, readFileSync(join(folder, segmentName(0))).length]).toEqual([FRAME_BYTES + 2, 0]);
    journal.flush();
    expect(scan(folder)).toEqual({ frames: ['7 sync {}'], damage: [], missing: [[0, 7]] });
    journal.close();
  });

  it('never begins in a segment that is there', () => {
    const folder = newFolder();
    write(folder, WHOLE);
    const error = errorOf(() => new JournalWriter({ disk: systemDisk(), folder }, { segment: 0, seq: 0 }));
    expect(isMeaError(error, 'storage')).toBe(true);
    expect(readFileSync(join(folder, segmentName(0))).equals(WHOLE)).toBe(true);
  });

  it('is never said to be safe again once the medium has refused it', () => {
    const folder = newFolder();
    const system = systemDisk();
    let refusals = 1;
    const disk: Disk = {
      ...system,
      create: (path) => {
        const file = system.create(path);
        const sync = (): void => {
          // As systems do: the error is reported once.
          if (refusals-- > 0) throw Object.assign(new Error('bad sector'), { code: 'EIO' });
          file.sync();
        };
        return { ...file, sync };
      },
    };
    const journal = new JournalWriter({ disk, folder }, { segment: 0, seq: 0 });
    const sync = (): void => {
      journal.sync();
    };
    journal.append('sync', Buffer.from('{}'));
    const first = errorOf(sync);
    expect(isMeaError(first, 'storage')).toBe(true);
    expect(String(first)).toMatch(/Cannot force the file to the disk: got an input\/output error of the disk/);
    journal.append('sync', Buffer.from('{}'));
    expect(errorOf(sync)).toBe(first);
    // What it can still write it writes.
    journal.flush();
    journal.close();
    expect(scan(folder).frames).toEqual(['0 sync {}', '1 sync {}']);
  });

  it('takes the longest payload, and refuses a longer one', () => {
    const folder = newFolder();
    const journal = new JournalWriter({ disk: systemDisk(), folder }, { segment: 0, seq: 0 });
    const error = errorOf(() => {
      journal.append('probe', new Uint8Array(MAX_PAYLOAD_BYTES + 1));
    });
    expect(isMeaError(error, 'internal')).toBe(true);
    journal.append('probe', new Uint8Array(MAX_PAYLOAD_BYTES));
    journal.flush();
    journal.close();
    const lengths = [...scanJournal(folder)].map((item) => item.type === 'frame' && item.payload.length);
    expect(lengths).toEqual([MAX_PAYLOAD_BYTES]);
    rmSync(folder, { recursive: true });
  });
});

it('the magic reads MEAJ', () => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(FRAME_MAGIC);
  expect(bytes.toString()).toBe('MEAJ');
});
