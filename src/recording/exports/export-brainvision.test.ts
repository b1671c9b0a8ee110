import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exportOptions } from '../../../tests/helpers/export-options.js';
import { makeRecording } from '../../../tests/helpers/recording-fixture.js';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { exportBrainVision } from './export-brainvision.js';

const folder = temporaryFolder('brainvision');

/** Sections of a file and their keys. */
function readSections(path: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of readFileSync(path, 'utf8').split('\r\n')) {
    const title = /^\[(.*)\]$/.exec(line)?.[1];
    const pair = /^([^;=][^=]*)=(.*)$/.exec(line);
    if (title !== undefined) sections.set(title, (current = new Map<string, string>()));
    else if (pair !== null) current.set(pair[1]!, pair[2]!);
  }
  return sections;
}

describe('BrainVision files', () => {
  it('have the samples of all stretches', async () => {
    const fixture = makeRecording();
    const path = join(folder, 'samples');
    await exportBrainVision(fixture.contents, path, exportOptions({ blockFrames: 777 }));
    const raw = readFileSync(join(path, 'recording.eeg'));
    expect(raw.equals(Buffer.concat(fixture.samples.map((part) => Buffer.from(part.buffer))))).toBe(true);
  });

  it('have a header of the rate, the channels and their resolution', async () => {
    const path = join(folder, 'header');
    await exportBrainVision(makeRecording().contents, path, exportOptions());
    const header = join(path, 'recording.vhdr');
    expect(readFileSync(header, 'utf8').split('\r\n')[0]).toBe('Brain Vision Data Exchange Header File Version 1.0');
    const sections = readSections(header);
    expect(Object.fromEntries(sections.get('Common Infos')!)).toEqual({
      Codepage: 'UTF-8',
      DataFile: 'recording.eeg',
      MarkerFile: 'recording.vmrk',
      DataFormat: 'BINARY',
      DataOrientation: 'MULTIPLEXED',
      NumberOfChannels: '8',
      SamplingInterval: '50',
    });
    expect(Object.fromEntries(sections.get('Binary Infos')!)).toEqual({ BinaryFormat: 'INT_16' });
    const channels = Array.from(sections.get('Channel Infos')!);
    expect(channels).toEqual(Array.from({ length: 8 }, (_, i) => [`Ch${i + 1}`, `E${i},,0.195,µV`]));
  });

  it('have a marker for each stretch, each stimulus and what is blind, in order', async () => {
    const path = join(folder, 'markers');
    const summary = await exportBrainVision(makeRecording().contents, path, exportOptions());
    const markers = readSections(join(path, 'recording.vmrk')).get('Marker Infos')!;
    // One stimulus fell into the gap; the second stretch begins 9000 samples, or 0.45 s, after the first.
    expect(Array.from(markers)).toEqual([
      ['Mk1', 'New Segment,,1,1,0,20260304050607000000'],
      ['Mk2', 'Stimulus,S  1,11,1,0'],
      ['Mk3', 'Stimulus,S  2,21,1,0'],
      ['Mk4', 'Comment,stimulus dropped,31,1,0'],
      ['Mk5', 'Bad Interval,not recorded,101,40,0'],
      ['Mk6', 'New Segment,,5001,1,0,20260304050607450000'],
      ['Mk7', 'Stimulus,S  1,5008,1,0'],
    ]);
    expect(summary).toMatchObject({ stimuli: 4, frames: 8000 });
    expect(summary.notes).toContain('stimuli outside the raw samples were left out: 1');
  });

  it('are refused without raw samples, with an offset, or where the channels change', async () => {
    const { contents } = makeRecording();
    const none = makeRecording({ stretches: [] }).contents;
    const refuse = async (what: typeof contents, message: string): Promise<void> => {
      await expect(exportBrainVision(what, join(folder, 'refused'), exportOptions())).rejects.toThrow(message);
    };
    await refuse(none, 'BrainVision holds raw samples, and this recording has none');
    const [first, second] = contents.signals;
    const shifted = first!.signal.channels.map((channel) => ({ ...channel, offsetUv: 1 }));
    const withOffset = { ...first!, signal: { ...first!.signal, channels: shifted } };
    await refuse({ ...contents, signals: [withOffset] }, 'BrainVision has no offset of voltages');
    const fewer = { ...second!, signal: { ...second!.signal, channels: second!.signal.channels.slice(1) } };
    await refuse({ ...contents, signals: [first!, fewer] }, 'BrainVision holds one rate and one set of channels');
    await refuse({ ...contents, signals: [second!, first!] }, 'clock began anew');
  });
});
