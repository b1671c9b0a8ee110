import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { encodeRhxCommands, type RhxCommand } from '../protocols/intan-rhx/command.js';
import { parseRhxReplies } from '../protocols/intan-rhx/reply.js';
import { extendCounter } from '../protocols/intan-rhx/sample-counter.js';
import { SpikeDecoder } from '../protocols/intan-rhx/spike-decoder.js';
import { IDLE_STIM_WORD } from '../protocols/intan-rhx/stim-word.js';
import { WaveformDecoder, type WaveformBlock } from '../protocols/intan-rhx/waveform-decoder.js';
import { findWord, layOutWaveform, type AmplifierBand } from '../protocols/intan-rhx/waveform-layout.js';
import { dataPath, describeWithRealData } from './helpers/real-data.js';

const WAVEFORM = 'rhx/waveform.bin.gz';
const SPIKES = 'rhx/spike.bin';
const TRANSCRIPT = 'rhx/transcript.json';

const transcriptSchema = z.object({ log: z.array(z.object({ send: z.string(), reply: z.string() })) });

/** What the capture had enabled. */
const ENABLED = new Map<string, Set<AmplifierBand>>([
  ['A-000', new Set(['wide', 'high', 'dc', 'stim'])],
  ['A-001', new Set(['wide'])],
  ['A-002', new Set(['wide'])],
  ['A-003', new Set(['wide', 'stim'])],
  ...['A-004', 'A-005', 'A-006', 'A-007'].map((name) => [name, new Set<AmplifierBand>(['wide'])] as const),
]);

/** A typed command for one of a transcript, word by word. */
function toCommand(text: string): RhxCommand | undefined {
  const [verb = '', item = '', ...rest] = text.split(' ');
  const value = rest.join(' ');
  switch (verb) {
    case 'get':
      return { type: 'get', item };
    case 'set':
      return { type: 'set', item, value };
    case 'execute':
      return { type: 'execute', action: item, ...(value !== '' && { argument: value }) };
    default:
      return undefined;
  }
}

describeWithRealData('the waveform that RHX sent', [WAVEFORM], () => {
  const layout = layOutWaveform({ amplifiers: ENABLED });

  function decode(chunk: number): { readonly blocks: WaveformBlock[]; readonly others: number } {
    const bytes = gunzipSync(readFileSync(dataPath(WAVEFORM)));
    const decoder = new WaveformDecoder(layout);
    const blocks: WaveformBlock[] = [];
    let others = 0;
    for (let at = 0; at < bytes.length; at += chunk) {
      for (const item of decoder.push(bytes.subarray(at, at + chunk))) {
        if (item.type === 'block') blocks.push(item);
        else others += 1;
      }
    }
    return { blocks, others: others + decoder.end().length };
  }

  it.each([65_536, 3587, 1001])('is decoded to the last byte, in chunks of %i', (chunk) => {
    const { blocks, others } = decode(chunk);
    expect(others).toBe(0);
    expect(blocks).toHaveLength(806);
    let previous: number | null = null;
    for (const [index, { timestamp, atByte }] of blocks.entries()) {
      expect(timestamp).toBe(128 * index);
      expect(atByte).toBe(3588 * index);
      previous = extendCounter(previous, timestamp) ?? null;
      expect(previous).toBe(timestamp);
    }
  });

  it('holds samples around 0 and stimulators that are idle', () => {
    const { blocks } = decode(65_536);
    const stim = findWord(layout, 'A-003', 'stim');
    const dc = findWord(layout, 'A-000', 'dc');
    const wide = findWord(layout, 'A-005', 'wide');
    const frames = blocks.flatMap(({ words }) =>
      Array.from({ length: 128 }, (_, frame) => words.subarray(12 * frame, 12 * frame + 12)),
    );
    expect(frames.filter((words) => words[stim] !== IDLE_STIM_WORD)).toEqual([]);
    // 1.0 V, always: -0.01923 x (460 - 512).
    expect(frames.filter((words) => words[dc] !== 460)).toEqual([]);
    const farthest = Math.max(...frames.map((words) => Math.abs(words[wide]! - 32_768)));
    expect(farthest).toBeGreaterThan(50);
    expect(farthest * 0.195).toBeLessThan(1000);
  });
});

describeWithRealData('the spikes that RHX sent', [SPIKES], () => {
  it.each([168, 14, 5, 1])('are decoded to the last byte, in chunks of %i', (chunk) => {
    const bytes = readFileSync(dataPath(SPIKES));
    const decoder = new SpikeDecoder();
    const items = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
      decoder.push(bytes.subarray(i * chunk, (i + 1) * chunk)),
    ).flat();
    expect(decoder.end()).toEqual([]);
    expect(
      items.map((item) => (item.type === 'spike' ? `${item.channel} ${item.timestamp} ${item.id}` : 'no')),
    ).toEqual([
      ...['A-000 30658 1', 'A-000 31050 1', 'A-000 31290 1', 'A-001 31670 1', 'A-001 54227 1', 'A-000 63978 1'],
      ...['A-000 68530 1', 'A-001 70329 1', 'A-001 91550 1', 'A-000 94073 1', 'A-001 96316 1', 'A-000 110410 1'],
    ]);
  });
});

describeWithRealData('the talk with RHX', [TRANSCRIPT], () => {
  /** Read only here: without the data nothing of this runs. */
  const { log } = transcriptSchema.parse(JSON.parse(readFileSync(dataPath(TRANSCRIPT), 'utf8')));

  /** Refused by RHX whatever its state. `uploadstimparameters` is refused only because the board runs. */
  const ILL_FORMED = new Set([
    'set nosuch 1;',
    'get nosuch;',
    'bogus;',
    'execute nosuch;',
    'set a-010.firstphaseamplitudemicroamps 99999;',
    'set a-010.shape square;',
    'set sampleratehertz 20000;',
  ]);

  it('has each well-formed command as the encoder writes it', () => {
    let compared = 0;
    for (const { send } of log) {
      if (ILL_FORMED.has(send)) continue;
      const commands = send.split(';').slice(0, -1).map(toCommand);
      expect(encodeRhxCommands(commands.flatMap((command) => command ?? []))).toBe(send);
      compared += 1;
    }
    expect(compared).toBe(log.length - ILL_FORMED.size);
    expect(log.length).toBe(64);
  });

  it('has ill-formed commands that the encoder refuses', () => {
    for (const send of ILL_FORMED) {
      expect(log.some((entry) => entry.send === send)).toBe(true);
      const command = toCommand(send.slice(0, -1));
      // What is no get, set or execute cannot even be said.
      if (command === undefined) expect(send).toBe('bogus;');
      else expect(() => encodeRhxCommands([command])).toThrow(/Ill-formed/);
    }
  });

  it('has replies that are parsed to their values and errors', () => {
    const replies = log.flatMap(({ reply }) => parseRhxReplies(reply));
    const told = replies.map((reply) => {
      if (reply.type === 'error') return reply.error;
      return reply.type === 'number' ? reply.value : `${reply.name} ${reply.value}`;
    });
    expect(told).toEqual([
      'Version 3.4.0',
      'Type ControllerStimRecord',
      'SampleRateHertz 30000',
      'RunMode Stop',
      'StimStepSizeMicroAmps 0.5',
      -1,
      'NativeChannelName A-010',
      'NumberAmplifierChannels 32',
      'TCPNumberDataBlocksPerWrite 10',
      'UploadInProgress False',
      'HeadstagePresent True',
      { reason: 'unrecognized-parameter' },
      { reason: 'unrecognized-parameter' },
      { reason: 'unrecognized-command', command: 1 },
      { reason: 'unrecognized-action' },
      {
        reason: 'invalid-value',
        parameter: 'FirstPhaseAmplitudeMicroAmps',
        acceptable: { type: 'range', least: 0, most: 2550 },
      },
      {
        reason: 'invalid-value',
        parameter: 'Shape',
        acceptable: { type: 'choice', values: ['Biphasic', 'BiphasicWithInterphaseDelay', 'Triphasic'] },
      },
      'FirstPhaseAmplitudeMicroAmps 10',
      'RunMode Stop',
      'Version 3.4.0',
      'StimEnabled True',
      'Source KeyPressF1',
      'UploadInProgress False',
      { reason: 'fixed', parameter: 'SampleRateHertz' },
      'TCPWaveformDataOutputConnectionStatus Pending',
      'TCPWaveformDataOutputConnectionStatus Connected',
      'TCPSpikeDataOutputConnectionStatus Connected',
      'TCPDataOutputEnabledSpike True',
      'RunMode Run',
      35_711,
      'RunMode Run',
      { reason: 'not-while-running', action: 'UploadStimParameters' },
      'RunMode Run',
      'RunMode Stop',
      -1,
      'Filename.path /data/rhs',
    ]);
  });
});
