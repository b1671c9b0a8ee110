import { describe, expect, it } from 'vitest';
import { layOutWaveform, WAVEFORM_MAGIC, type AmplifierBand } from '../../protocols/intan-rhx/waveform-layout.js';
import type { RecorderEvent } from '../parts/recorder.js';
import { WaveformReader } from './waveform-reader.js';

const LAYOUT = layOutWaveform({
  amplifiers: new Map<string, ReadonlySet<AmplifierBand>>([
    ['A-000', new Set(['wide', 'stim'])],
    ['A-001', new Set(['wide'])],
  ]),
});

/** A block; channel A-000 counts up from 32768 and A-001 down, and a current flows from frame 10 to 20. */
function blockAt(timestamp: number, { hasPulse = false } = {}): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.blockBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, WAVEFORM_MAGIC, true);
  for (let frame = 0; frame < 128; frame++) {
    const at = 4 + frame * LAYOUT.frameBytes;
    view.setUint32(at, (timestamp + frame) % 2 ** 32, true);
    view.setUint16(at + 4, 32_768 + frame, true);
    view.setUint16(at + 6, hasPulse && frame >= 10 && frame < 20 ? 0x0105 : 0x0100, true);
    view.setUint16(at + 8, 32_768 - frame, true);
  }
  return bytes;
}

function openReader(): { readonly reader: WaveformReader; readonly events: RecorderEvent[] } {
  const events: RecorderEvent[] = [];
  const reader = new WaveformReader({
    layout: LAYOUT,
    channels: ['A-001', 'A-000'],
    stimulated: [1],
    lines: [],
    emit: (event) => {
      events.push(event);
    },
  });
  reader.beginRun();
  return { reader, events };
}

function read(chunk: number, ...blocks: readonly Uint8Array[]): readonly RecorderEvent[] {
  const { reader, events } = openReader();
  const bytes = Buffer.concat(blocks);
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
  reader.endRun();
  return events;
}

describe('the events of a waveform stream', () => {
  const stream = [blockAt(0), blockAt(128, { hasPulse: true }), Uint8Array.of(1, 2, 3), blockAt(384)];

  it.each([1, 2, 7, 13, 1000])('are the same in chunks of %i bytes', (chunk) => {
    const events = read(chunk, ...stream);
    expect(events).toEqual(read(100_000, ...stream));
    expect(events.map((event) => ('samples' in event ? `block ${event.firstSample}` : event.type))).toEqual([
      'started',
      'block 0',
      'pulses-seen',
      'block 128',
      'warning',
      'samples-lost',
      'block 384',
    ]);
  });

  it('have samples of both signs in the order of the electrodes', () => {
    const block = read(1000, blockAt(0)).find(({ type }) => type === 'block');
    if (block?.type !== 'block') throw new Error('no block');
    expect([...block.samples.subarray(0, 6)]).toEqual([0, 0, -1, 1, -2, 2]);
    expect(block).toMatchObject({ frames: 128, channels: 2 });
  });

  it('go on when the counter of 32 bits begins anew', () => {
    const events = read(5000, blockAt(2 ** 31 - 128), blockAt(2 ** 32 - 128), blockAt(0), blockAt(128));
    const blocks = events.flatMap((event) => (event.type === 'block' ? [event.firstSample] : []));
    expect(blocks).toEqual([2 ** 31 - 128, 2 ** 32 - 128, 2 ** 32, 2 ** 32 + 128]);
    expect(events.filter(({ type }) => type === 'samples-lost')).toHaveLength(2);
  });

  it('end where the counter goes back', () => {
    const { reader } = openReader();
    expect(reader.push(blockAt(0))).toBe(1);
    expect(reader.push(blockAt(0))).toBe('back');
  });

  it('go on in the next run where the last one ended', () => {
    const { reader, events } = openReader();
    reader.push(blockAt(0));
    reader.endRun();
    reader.beginRun();
    reader.push(blockAt(0));
    expect(events.map((event) => ('firstSample' in event ? event.firstSample : event.type))).toEqual([0, 0, 128, 128]);
  });
});
