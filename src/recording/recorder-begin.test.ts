import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sampleIndex } from '../../protocols/units.js';
import { journalFrames, testSession } from '../../tests/helpers/recorded-journal.js';
import { temporaryFolder } from '../../tests/helpers/run-cli.js';
import { virtualClock } from '../clock.js';
import { systemDisk, type Disk } from './disk/disk.js';
import { indexJournal } from './journal/journal-index.js';
import { CONTINUOUS_FOLDER, NODE_FOLDER } from './raw/structure-oebin.js';
import { Recorder, type RecorderNotice, type RecorderOptions } from './recorder.js';

const root = temporaryFolder('recorder-begin');
let counter = 0;
function newFolder(): string {
  const folder = join(root, `${(counter += 1)}`);
  mkdirSync(folder);
  return folder;
}

function open(folder: string, options: Partial<RecorderOptions> = {}): Recorder {
  return new Recorder({
    disk: systemDisk(),
    clock: virtualClock(),
    folder,
    session: testSession({ raw: 'all', channels: 2, gainUvPerBit: 0.5 }),
    probe: {},
    reserveBytes: 4096,
    onNotice: () => undefined,
    ...options,
  });
}

function give(recorder: Recorder, firstSample: number, frames: number): void {
  const samples = Int16Array.from({ length: frames * 2 }, (_, i) => firstSample * 2 + i);
  recorder.block({ firstSample: sampleIndex(firstSample), frames, channels: 2, samples });
}

/** The system's disk, which refuses its nth call and all after it, and knows what is open. */
function refusingDisk(refused: number): { readonly disk: Disk; readonly open: Set<string>; calls: number } {
  const system = systemDisk();
  const state = { disk: system, open: new Set<string>(), calls: 0 };
  const call = <T>(action: () => T): T => {
    state.calls += 1;
    if (state.calls >= refused) throw Object.assign(new Error('refused'), { code: 'EIO' });
    return action();
  };
  state.disk = {
    ...system,
    makeFolder: (path) => {
      call(() => {
        system.makeFolder(path);
      });
    },
    create: (path) => {
      const file = call(() => system.create(path));
      state.open.add(path);
      return {
        ...file,
        write: (bytes, position) => call(() => file.write(bytes, position)),
        sync: () => {
          call(() => {
            file.sync();
          });
        },
        close: () => {
          state.open.delete(path);
          file.close();
        },
      };
    },
    rename: (from, to) => {
      call(() => {
        system.rename(from, to);
      });
    },
  };
  return state;
}

describe('a recorder that cannot begin', () => {
  it('says so, leaves no file open and no room taken, from whichever call on the disk refuses', () => {
    const whole = refusingDisk(Infinity);
    const folder = newFolder();
    open(folder, { disk: whole.disk });
    expect(whole.calls).toBeGreaterThan(10);
    for (let refused = 1; refused <= whole.calls; refused++) {
      const path = newFolder();
      const state = refusingDisk(refused);
      expect(() => open(path, { disk: state.disk }), `call ${refused}`).toThrow(
        /got an input\/output error of the disk \([^(]*\); [^;]*; [^;]*$/,
      );
      expect([...state.open], `call ${refused}`).toEqual([]);
      expect(existsSync(join(path, 'reserve.bin')), `call ${refused}`).toBe(false);
    }
  });
});

describe('a stretch of samples that cannot begin', () => {
  it('stops raw samples alone, says why, and leaves none of its files open, from whichever call on', () => {
    const whole = refusingDisk(Infinity);
    const complete = open(newFolder(), { disk: whole.disk });
    const begun = whole.calls;
    give(complete, 0, 1);
    expect(whole.calls).toBeGreaterThan(begun + 8);
    // The journal, the samples with their numbers, and four columns of stimuli.
    expect(whole.open.size).toBe(7);
    for (let refused = begun + 1; refused <= whole.calls; refused++) {
      const notices: RecorderNotice[] = [];
      const state = refusingDisk(refused);
      const recorder = open(newFolder(), { disk: state.disk, onNotice: (notice) => notices.push(notice) });
      give(recorder, 0, 1);
      expect(
        notices.map(({ type }) => type),
        `call ${refused}`,
      ).toEqual(['raw-stopped']);
      expect(notices[0]).toMatchObject({
        error: { tag: 'storage', details: { got: 'an input/output error of the disk' } },
      });
      expect(
        [...state.open].map((path) => basename(path)),
        `call ${refused}`,
      ).toEqual(['journal-0000.log']);
    }
  });
});

describe('a recorder that goes on where one was killed', () => {
  const goOn = (folder: string, notices: RecorderNotice[] = []): Recorder => {
    const { next, stretches } = indexJournal(folder);
    const continued = { journal: next, recording: Math.max(0, ...stretches.keys()) };
    return open(folder, { continued, onNotice: (notice) => notices.push(notice) });
  };

  it('before its first samples keeps raw samples all the same', () => {
    const folder = newFolder();
    open(folder);
    const notices: RecorderNotice[] = [];
    const second = goOn(folder, notices);
    give(second, 500, 10);
    second.close();
    expect(notices.map(({ type }) => type)).toEqual(['saved', 'saved']);
    expect(readFileSync(join(folder, NODE_FOLDER, 'recording1', CONTINUOUS_FOLDER, 'continuous.dat'))).toHaveLength(40);
    expect(indexJournal(folder)).toMatchObject({ end: 'clean', damage: [], missing: [] });
  });

  it('before the journal could tell of its stretch leaves that as it is, and takes the next number', () => {
    const folder = newFolder();
    const first = open(folder);
    give(first, 0, 10);
    const orphan = join(folder, NODE_FOLDER, 'recording1', CONTINUOUS_FOLDER, 'continuous.dat');
    expect(journalFrames(folder).some(({ name }) => name === 'recording-started')).toBe(false);
    writeFileSync(orphan, 'what it had');
    const notices: RecorderNotice[] = [];
    const second = goOn(folder, notices);
    give(second, 500, 10);
    second.close();
    expect(notices.map(({ type }) => type)).toEqual(['saved', 'saved']);
    expect(readFileSync(orphan, 'utf8')).toBe('what it had');
    expect([...indexJournal(folder).stretches.keys()]).toEqual([2]);
    expect(readFileSync(join(folder, NODE_FOLDER, 'recording2', CONTINUOUS_FOLDER, 'continuous.dat'))).toHaveLength(40);
  });
});

describe('a recorder without raw samples', () => {
  it('warns five minutes before its journal fills the disk', () => {
    const notices: RecorderNotice[] = [];
    let nowMs = 0;
    let free = 400 * 64 * 1024;
    const recorder = open(newFolder(), {
      session: testSession({ raw: 'none' }),
      disk: { ...systemDisk(), freeBytes: () => free },
      clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
      onNotice: (notice) => notices.push(notice),
    });
    const low = (): RecorderNotice[] => notices.filter(({ type }) => type === 'disk-low');
    const second = (): void => {
      // About 64 KiB.
      recorder.put('snippets', new Uint8Array(64 * 1024));
      nowMs += 1000;
      recorder.tick();
    };
    for (let i = 0; i < 15; i++) second();
    expect(low()).toEqual([]);
    free = 290 * 64 * 1024;
    for (let i = 0; i < 15; i++) second();
    recorder.close();
    expect(low()).toMatchObject([{ freeBytes: free }]);
    expect(low()[0]).toHaveProperty('minutesLeft', expect.closeTo(290 / 60, 0));
  });
});

describe('a recorder of windows around stimuli', () => {
  it('keeps those that were held back when the recording ends or the stream does, and no sample of before after it', () => {
    const folder = newFolder();
    const recorder = open(folder, { session: testSession({ raw: 'stimuli', channels: 2, gainUvPerBit: 1 }) });
    const scheduled = (stimulusId: number, sample: number): void => {
      const event = { type: 'stimulus-scheduled', stimulusId, sample, durationSamples: 8 };
      recorder.event(event);
    };
    scheduled(1, 3000);
    give(recorder, 0, 3100);
    recorder.event({ type: 'device-restarted' });
    // The device counts from its beginning again.
    scheduled(2, 60);
    give(recorder, 50, 100);
    recorder.close();
    const chunks = [...indexJournal(folder).stretches.values()].flatMap((stretch) => stretch.chunks);
    // 100 ms before a stimulus are kept, which is 2000 samples, and 400 ms after it.
    expect(chunks.map(({ firstSample, frames }) => [firstSample, frames])).toEqual([
      [1000, 2100],
      [50, 100],
    ]);
  });

  it('begins another stretch where samples have another shape', () => {
    const folder = newFolder();
    const recorder = open(folder, { session: testSession({ raw: 'stimuli', channels: 2, gainUvPerBit: 1 }) });
    const scheduled = { type: 'stimulus-scheduled', stimulusId: 1, sample: 100, durationSamples: 8 };
    recorder.event(scheduled);
    give(recorder, 0, 50);
    const samples = Int16Array.from({ length: 60 }, (_, i) => i);
    recorder.block({ firstSample: sampleIndex(50), frames: 20, channels: 3, samples });
    recorder.close();
    const { stretches, end, damage } = indexJournal(folder);
    expect([end, damage]).toEqual(['clean', []]);
    expect([...stretches.values()].map(({ started, chunks }) => [started.channels, chunks[0]?.frames])).toEqual([
      [2, 50],
      [3, 20],
    ]);
    const [first, second] = [1, 2].map((n) =>
      readFileSync(join(folder, NODE_FOLDER, `recording${n}`, CONTINUOUS_FOLDER, 'continuous.dat')),
    );
    expect([first!.length, second!.length]).toEqual([200, 120]);
  });
});
