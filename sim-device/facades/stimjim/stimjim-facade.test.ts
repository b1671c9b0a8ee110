import { expect, it } from 'vitest';
import { StimJimFacade, type StimJimFacadeOptions, type StimJimPulse } from './stimjim-facade.js';

interface Bench {
  readonly facade: StimJimFacade;
  readonly pulses: StimJimPulse[];
  /** What it said since the last time. */
  readonly heard: () => string;
}

function createBench(options: StimJimFacadeOptions = {}): Bench {
  const pulses: StimJimPulse[] = [];
  const facade = new StimJimFacade({ onPulse: (pulse) => pulses.push(pulse), ...options });
  let text = '';
  facade.onBytes((bytes) => {
    text += String.fromCharCode(...bytes);
  });
  return {
    facade,
    pulses,
    heard: () => {
      const said = text;
      text = '';
      return said;
    },
  };
}

it('echoes a train to the letter', () => {
  const { facade, heard } = createBench();
  facade.type('S7,1,3,2000,400;-100,0,200;100,0,200;');
  expect(heard()).toBe(
    [
      '----------------------------------\r\n',
      'Parameters for PulseTrain[7]\n',
      '  mode[ch0]: 1 (Current output)\n',
      '  mode[ch1]: 3 (No output (grounded))\n',
      '  period:    2000 usec (0.002 sec, 500.000 Hz)\n',
      '  duration:  400 usec (0.000 sec)\n',
      '\n  stage    duration     output0   output1\r\n',
      '    0      200 usec     -100uA        0uA\n',
      '    1      200 usec      100uA        0uA\n',
      '----------------------------------\n\r\n',
    ].join(''),
  );
});

it('plays a train at its times, and reports it at the end of a period', () => {
  const { facade, pulses, heard } = createBench();
  facade.type('S0,1,0,2000,4001;-100,500,200;100,-500,200;');
  facade.advance(100);
  heard();
  facade.type('T0');
  expect(heard()).toBe('\nStarted T train with parameters of PulseTrain 0\r\n');
  facade.advance(5999);
  expect(heard()).toBe('');
  facade.advance(1);
  expect(heard()).toBe(
    [
      'Train complete. Delivered 3 pulses.\nCurrent/Voltage by stage: \r\n',
      '           Ch0                Ch1 \r\n',
      'Stage 0  -100uA,             500mV,          \r\n',
      'Stage 1   100uA,            -500mV,          \r\n',
    ].join(''),
  );
  expect(pulses.map(({ output, atUs, unit }) => [output, atUs, unit])).toEqual([
    [1, 100, 'uA'],
    [2, 100, 'mV'],
    [1, 2100, 'uA'],
    [2, 2100, 'mV'],
    [1, 4100, 'uA'],
    [2, 4100, 'mV'],
  ]);
});

it('stops a train, and knows no train beyond its hundred', () => {
  const { facade, heard, pulses } = createBench();
  facade.type('U1');
  facade.advance(25_000);
  heard();
  facade.type('U-1');
  expect(heard()).toBe('Forcing U train to stop\r\n');
  const before = pulses.length;
  facade.advance(100_000);
  expect(pulses.length).toBe(before);
  facade.type('T100');
  facade.type('S100');
  expect(heard()).toBe('Invalid PulseTrain index.\r\nInvalid PulseTrain index.\r\n');
});

it('is silent for a second when it boots, and then answers what it was sent meanwhile', () => {
  const { facade, heard } = createBench({ isUp: false });
  facade.type('T-1');
  facade.advance(999_999);
  expect(heard()).toBe('');
  facade.advance(1);
  expect(heard()).toMatch(/^Booting StimJim on Teensy 3\.5!\r\n[^]*Ready to go!\n\n\r\nForcing T train to stop\r\n$/);
});

it('writes beyond its memory for a line or a stage too many', () => {
  const long = createBench();
  long.facade.type(`S0,1,1,1,1;${'1,1,20;'.repeat(9)}${' '.repeat(1000)}`);
  expect([long.facade.hasCrashed, long.heard()]).toEqual([true, '']);
  const many = createBench();
  many.facade.type(`S0,1,1,1000,1;${'1,1,20;'.repeat(11)}`);
  expect(many.facade.hasCrashed).toBe(true);
});

it('notes every line that is never to be sent, and obeys', () => {
  const { facade, pulses } = createBench();
  for (const line of ['A0,1000', 'V0,5000', 'B', 'C', 'R1,1']) facade.type(line);
  expect(facade.forbidden).toEqual(['A0,1000', 'V0,5000', 'B', 'C', 'R1,1']);
  facade.raiseTrigger(1);
  expect(pulses.length).toBe(2);
});
