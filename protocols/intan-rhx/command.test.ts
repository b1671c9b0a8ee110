import { describe, expect, it } from 'vitest';
import { encodeRhxCommands, MAX_WRITE_BYTES, type RhxCommand } from './command.js';

describe('a command to RHX', () => {
  it('is lower case and ends with a semicolon', () => {
    expect(encodeRhxCommands([{ type: 'get', item: 'RunMode' }])).toBe('get runmode;');
    expect(encodeRhxCommands([{ type: 'set', item: 'A-010.Source', value: 'KeyPressF1' }])).toBe(
      'set a-010.source keypressf1;',
    );
    expect(encodeRhxCommands([{ type: 'set', item: 'A-010.StimEnabled', value: true }])).toBe(
      'set a-010.stimenabled true;',
    );
    expect(encodeRhxCommands([{ type: 'execute', action: 'UploadStimParameters', argument: 'A-010' }])).toBe(
      'execute uploadstimparameters a-010;',
    );
    expect(encodeRhxCommands([{ type: 'execute', action: 'ManualStimTriggerPulse', argument: 'F8' }])).toBe(
      'execute manualstimtriggerpulse f8;',
    );
  });

  it('keeps the case and the spaces of paths and notes', () => {
    expect(encodeRhxCommands([{ type: 'set', item: 'Filename.Path', value: '/data/My culture' }])).toBe(
      'set filename.path /data/My culture;',
    );
    expect(encodeRhxCommands([{ type: 'live-note', text: 'Medium changed' }])).toBe('livenotes Medium changed;');
  });

  it('writes numbers as decimals, without an exponent', () => {
    const item = 'A-010.FirstPhaseDurationMicroseconds';
    expect(encodeRhxCommands([{ type: 'set', item, value: 1e6 / 30_000 }])).toBe(
      'set a-010.firstphasedurationmicroseconds 33.3333;',
    );
    expect(encodeRhxCommands([{ type: 'set', item, value: 1e-7 }])).toBe('set a-010.firstphasedurationmicroseconds 0;');
  });

  it('stands in a batch, with the run mode last', () => {
    const run: RhxCommand = { type: 'set', item: 'RunMode', value: 'Run' };
    const get: RhxCommand = { type: 'get', item: 'RunMode' };
    expect(encodeRhxCommands([get, run])).toBe('get runmode;set runmode run;');
    expect(() => encodeRhxCommands([run, get])).toThrow(/run mode last in its batch/);
    expect(encodeRhxCommands([{ type: 'set', item: 'RunMode', value: 'Stop' }, get])).toBe(
      'set runmode stop;get runmode;',
    );
  });

  const ILL_FORMED: readonly (readonly [string, RhxCommand])[] = [
    ['an unknown parameter to get', { type: 'get', item: 'nosuch' }],
    ['an unknown parameter to set', { type: 'set', item: 'nosuch', value: 1 }],
    ['an empty parameter', { type: 'get', item: '' }],
    ['an unknown item of a channel', { type: 'get', item: 'A-010.nosuch' }],
    ['a channel that cannot be', { type: 'get', item: 'A-10.Source' }],
    ['a channel with a command in its name', { type: 'get', item: 'A-010.Source;execute x' }],
    ['an unknown action', { type: 'execute', action: 'nosuch' }],
    ['a set without its value', { type: 'set', item: 'A-010.Source', value: '' }],
    ['a set with spaces for its value', { type: 'set', item: 'Note1', value: '  ' }],
    ['a value of two words', { type: 'set', item: 'A-010.Source', value: 'KeyPressF1 x' }],
    ['a value with a semicolon', { type: 'set', item: 'Note1', value: 'a;set runmode run' }],
    ['a value that is not ASCII', { type: 'set', item: 'Filename.Path', value: '/data/kültur' }],
    ['a value with a line feed', { type: 'set', item: 'Note1', value: 'a\nb' }],
    ['a value out of range', { type: 'set', item: 'A-010.FirstPhaseAmplitudeMicroAmps', value: 99_999 }],
    ['a value that is no choice', { type: 'set', item: 'A-010.Shape', value: 'square' }],
    ['a value that is no number', { type: 'set', item: 'A-010.SpikeThresholdMicroVolts', value: Number.NaN }],
    ['a part where a whole number is due', { type: 'set', item: 'TCPNumberDataBlocksPerWrite', value: 1.5 }],
    ['a value that is fixed', { type: 'set', item: 'SampleRateHertz', value: 20_000 }],
    ['a key that is none', { type: 'execute', action: 'ManualStimTriggerPulse', argument: 'f9' }],
    ['a missing key', { type: 'execute', action: 'ManualStimTriggerPulse' }],
    ['an argument too many', { type: 'execute', action: 'ClearAllDataOutputs', argument: 'A-010' }],
    ['a note with a semicolon', { type: 'live-note', text: 'a;b' }],
  ];
  it.each(ILL_FORMED)('is refused with %s', (_, command) => {
    expect(() => encodeRhxCommands([command])).toThrow(/Ill-formed command for RHX/);
  });

  it('is refused where there is none, or where a batch is longer than one write', () => {
    expect(() => encodeRhxCommands([])).toThrow(/no command/);
    const many = Array.from({ length: 200 }, (): RhxCommand => ({ type: 'get', item: 'RunMode' }));
    expect(() => encodeRhxCommands(many)).toThrow(
      `${200 * 12} bytes in one write, expected at most ${MAX_WRITE_BYTES}`,
    );
  });
});
