import { describe, expect, it } from 'vitest';
import { parseRhxReplies, type RhxError } from './reply.js';

describe('replies of RHX', () => {
  it('are values by name, and a number where RHX tells no name', () => {
    expect(parseRhxReplies('Return: RunMode Stop')).toEqual([{ type: 'value', name: 'RunMode', value: 'Stop' }]);
    expect(parseRhxReplies('Return: -1')).toEqual([{ type: 'number', value: -1 }]);
    expect(parseRhxReplies('Return: Filename.path /data/my rhs')).toEqual([
      { type: 'value', name: 'Filename.path', value: '/data/my rhs' },
    ]);
    expect(parseRhxReplies('')).toEqual([]);
  });

  it('are taken apart where they are glued', () => {
    expect(parseRhxReplies('Return: RunMode StopReturn: Version 3.4.0Return: 35711Return: Note1 ')).toEqual([
      { type: 'value', name: 'RunMode', value: 'Stop' },
      { type: 'value', name: 'Version', value: '3.4.0' },
      { type: 'number', value: 35_711 },
      { type: 'value', name: 'Note1', value: '' },
    ]);
    const glued =
      'Unrecognized parameterError - Command 12: Unrecognized commandReturn: RunMode StopSampleRateHertz cannot be changed once software has started.Unrecognized action';
    expect(parseRhxReplies(glued).map((reply) => (reply.type === 'error' ? reply.error.reason : reply.type))).toEqual([
      'unrecognized-parameter',
      'unrecognized-command',
      'value',
      'fixed',
      'unrecognized-action',
    ]);
  });

  const NAMED: readonly (readonly [string, RhxError])[] = [
    ['Error - Command 2: Set commands require a parameter and a value', { reason: 'set-needs-value', command: 2 }],
    ['Error - Command 4: Get commands require a parameter', { reason: 'get-needs-parameter', command: 4 }],
    ['Error - Command 1: Execute commands require an action', { reason: 'execute-needs-action', command: 1 }],
    ['Error - Command 31: Unrecognized command', { reason: 'unrecognized-command', command: 31 }],
    ['Unrecognized parameter', { reason: 'unrecognized-parameter' }],
    ['Unrecognized action', { reason: 'unrecognized-action' }],
    [
      'Invalid value for Shape command. Acceptable: Biphasic;BiphasicWithInterphaseDelay;Triphasic;',
      {
        reason: 'invalid-value',
        parameter: 'Shape',
        acceptable: { type: 'choice', values: ['Biphasic', 'BiphasicWithInterphaseDelay', 'Triphasic'] },
      },
    ],
    [
      'Invalid value for SpikeThresholdMicroVolts command. Acceptable: [ -5000 , 5000 ]',
      {
        reason: 'invalid-value',
        parameter: 'SpikeThresholdMicroVolts',
        acceptable: { type: 'range', least: -5000, most: 5000 },
      },
    ],
    ['Invalid value for SetRunMode command', { reason: 'invalid-run-mode' }],
    ['Board must be stopped in order to start recording', { reason: 'must-be-stopped', to: 'recording' }],
    ['Board must be running in order to stop', { reason: 'must-be-running' }],
    [
      'UploadStimParameters cannot be executed while the board is running',
      { reason: 'not-while-running', action: 'UploadStimParameters' },
    ],
    ['LiveNotes cannot be added unless the board is recording', { reason: 'not-recording' }],
    [
      'Filename.BaseFilename and Filename.Path must both be specified before recording can occur',
      { reason: 'no-filename' },
    ],
    ['Error - Another upload cannot be started until the previous upload completes', { reason: 'upload-in-progress' }],
    ['SampleRateHertz cannot be changed once software has started.', { reason: 'fixed', parameter: 'SampleRateHertz' }],
    ['Something new', { reason: 'other' }],
  ];
  it.each(NAMED)('name the error of %s, before and after others', (text, error) => {
    const reply = { type: 'error', error, text };
    const value = { type: 'value', name: 'RunMode', value: 'Stop' };
    expect(parseRhxReplies(text)).toEqual([reply]);
    expect(parseRhxReplies(`${text}Return: RunMode Stop`)).toEqual([reply, value]);
    if (error.reason !== 'other') expect(parseRhxReplies(`Return: RunMode Stop${text}`)).toEqual([value, reply]);
  });

  it('lose no character, wherever they are cut', () => {
    const whole = 'Return: Version 3.4.0Unrecognized parameterReturn: RunMode Run';
    for (let end = 0; end <= whole.length; end++) {
      const text = whole.slice(0, end);
      const told = parseRhxReplies(text).map((reply) => {
        if (reply.type === 'error') return reply.text;
        return reply.type === 'number' ? `Return: ${reply.value}` : `Return: ${reply.name} ${reply.value}`;
      });
      expect(told.join('').trimEnd()).toBe(text.trimEnd());
    }
  });
});
