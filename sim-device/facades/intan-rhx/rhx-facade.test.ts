import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { SpikeDecoder, type RhxSpike } from '../../../protocols/intan-rhx/spike-decoder.js';
import { WaveformDecoder, type WaveformBlock } from '../../../protocols/intan-rhx/waveform-decoder.js';
import {
  findWord,
  layOutWaveform,
  type AmplifierBand,
  type EnabledOutputs,
} from '../../../protocols/intan-rhx/waveform-layout.js';
import { createRampRig, rampValue } from '../../../tests/helpers/ramp-rig.js';
import { waitUntil } from '../../../tests/helpers/wait-until.js';
import type { RhxDelivery, RhxFacadeOptions } from './facade-settings.js';
import { createRhxFacade, type RhxFacade } from './rhx-facade.js';

const facades: RhxFacade[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const facade of facades.splice(0)) facade.close();
});

/** A facade in front of four channels that count, of which three have stimulators in the culture. */
function createFacade(options: Partial<RhxFacadeOptions> = {}): RhxFacade {
  const facade = createRhxFacade({ rig: createRampRig({ sampleRateHz: 30_000 }), complianceV: 1000, ...options });
  facades.push(facade);
  return facade;
}

interface Client {
  readonly socket: Socket;
  readonly chunks: Buffer[];
  readonly text: () => string;
}

function openClient(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const chunks: Buffer[] = [];
    sockets.push(socket);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', reject);
    socket.once('connect', () => {
      resolve({ socket, chunks, text: () => Buffer.concat(chunks).toString('latin1') });
    });
  });
}

/** Writes, and waits until the facade has said so much. */
async function say(client: Client, text: string, until: RegExp): Promise<string> {
  client.chunks.length = 0;
  client.socket.write(text);
  await waitUntil(
    () => until.test(client.text()),
    () => `${text}: ${client.text()}`,
  );
  return client.text();
}

describe('the ports of the emulated RHX', () => {
  it('listen when somebody presses Connect, to one client, and not again by themselves', async () => {
    const facade = createFacade();
    await facade.pressConnect();
    const { command } = facade.ports;
    const client = await openClient(command);
    await say(client, 'get runmode;', /Stop/);
    await expect(openClient(command)).rejects.toThrow(/ECONNREFUSED/);
    client.socket.destroy();
    await waitUntil(
      () => facade.operate('get version;') !== '' && client.socket.destroyed,
      () => 'open',
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(openClient(command)).rejects.toThrow(/ECONNREFUSED/);
    await facade.pressConnect();
    expect(await say(await openClient(command), 'get runmode;', /Stop/)).toBe('Return: RunMode Stop');
  });

  it('glue replies, keep silent about success, and put nothing together over two reads', async () => {
    const facade = createFacade();
    await facade.pressConnect();
    const client = await openClient(facade.ports.command);
    expect(await say(client, 'get runmode;set a-001.source keypressf2;get a-001.source', /F2/)).toBe(
      'Return: RunMode StopReturn: Source KeyPressF2',
    );
    expect(await say(client, 'get runm', /Unrec/)).toBe('Unrecognized parameter');
    expect(await say(client, 'ode;', /Unrec/)).toBe('Error - Command 1: Unrecognized command');
  });

  it('open for waveforms by a command, and tell how they stand', async () => {
    const facade = createFacade();
    await facade.pressConnect();
    const status = (): string => facade.operate('get tcpwaveformdataoutputconnectionstatus;').split(' ').at(-1)!;
    expect(status()).toBe('Disconnected');
    facade.operate('execute connecttcpwaveformdataoutput;');
    expect(status()).toBe('Pending');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const client = await openClient(facade.ports.waveform);
    await waitUntil(() => status() === 'Connected', status);
    client.socket.destroy();
    await waitUntil(() => status() === 'Disconnected', status);
  });

  it('are gone after a set without a value, which RHX does not survive', async () => {
    const facade = createFacade();
    await facade.pressConnect();
    const { socket } = await openClient(facade.ports.command);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write('set runmode;');
    await closed;
  });
});

describe('the commands of the emulated RHX', () => {
  it.each([
    ['set', 'Error - Command 1: Set commands require a parameter and a value'],
    ['set a-000.source keypressf1 x', 'Error - Command 1: Set commands require a parameter and a value'],
    ['get runmode;get', 'Return: RunMode StopError - Command 2: Get commands require a parameter'],
    ['execute', 'Error - Command 1: Execute commands require an action'],
    ['jump', 'Error - Command 1: Unrecognized command'],
    ['get a-004.source', 'Unrecognized parameter'],
    ['get b.numberamplifierchannels', 'Unrecognized parameter'],
    ['get a.numberamplifierchannels', 'Return: NumberAmplifierChannels 4'],
    ['execute jump', 'Unrecognized action'],
    ['set runmode jump', 'Invalid value for SetRunMode command'],
    ['set runmode stop', 'Board must be running in order to stop'],
    ['set runmode run;', ''],
    ['livenotes hello', 'LiveNotes cannot be added unless the board is recording'],
    ['set runmode record', 'Filename.BaseFilename and Filename.Path must both be specified before recording can occur'],
    [
      'set tcpnumberdatablocksperwrite 0',
      'Invalid value for TCPNumberDataBlocksPerWrite command. Acceptable: [ 1 , 100 ]',
    ],
    ['set stimstepsizemicroamps 1', 'StimStepSizeMicroAmps cannot be changed once software has started.'],
    ['SET A-002.SHAPE triphasic;GET a-002.Shape', 'Return: Shape Triphasic'],
    ['set note1 a b  c;get note1', 'Return: Note1 a b  c'],
    ['get version', 'Return: Version 3.4.0 (mea-sim)'],
  ])('answer %s as RHX does', (send, reply) => {
    expect(createFacade().operate(send)).toBe(reply);
  });

  it('answer what stands behind a run mode only when the board has stopped', () => {
    const facade = createFacade();
    expect(facade.operate('set runmode run;get runmode;get note1;')).toBe('');
    expect(facade.operate('get runmode;')).toBe('Return: RunMode Run');
    expect(facade.operate('set runmode stop;get runmode;')).toBe(
      'Return: RunMode StopReturn: RunMode StopReturn: Note1 ',
    );
  });

  it('refuse while the board runs what RHX refuses', () => {
    const facade = createFacade();
    facade.operate('set runmode run;');
    expect(facade.operate('set runmode run;')).toBe('Board must be stopped in order to start running');
    expect(facade.operate('execute uploadstimparameters;')).toBe(
      'UploadStimParameters cannot be executed while the board is running',
    );
    expect(facade.operate('execute uploadstimparameters a-000;')).toBe('');
  });

  it('tell of an upload that goes on', () => {
    const facade = createFacade({ uploadReads: 1 });
    facade.operate('execute uploadstimparameters;');
    expect(facade.operate('execute uploadstimparameters;')).toMatch(/^Error - Another upload/);
    expect(facade.operate('get uploadinprogress;get uploadinprogress;')).toBe(
      'Return: UploadInProgress TrueReturn: UploadInProgress False',
    );
  });
});

const PULSE =
  'firstphaseamplitudemicroamps 10;set a-001.secondphaseamplitudemicroamps 10;set a-001.firstphasedurationmicroseconds 200;set a-001.secondphasedurationmicroseconds 200;';

describe('the stimulators of the emulated RHX', () => {
  function createStimulating(more = ''): { readonly facade: RhxFacade; readonly delivered: RhxDelivery[] } {
    const delivered: RhxDelivery[] = [];
    const facade = createFacade({ onDelivered: (delivery) => delivered.push(delivery) });
    facade.operate(`set a-001.stimenabled true;set a-001.source digitalin03;set a-001.${PULSE}${more}`);
    return { facade, delivered };
  }

  it('fire what was uploaded, at the next sample, while the board runs', () => {
    const { facade, delivered } = createStimulating();
    facade.operate('set runmode run;');
    facade.advance(100);
    facade.raiseLines({ digital: [3] });
    facade.operate('set runmode stop;execute uploadstimparameters;');
    facade.raiseLines({ digital: [3] });
    facade.operate('set runmode run;');
    facade.advance(50);
    facade.raiseLines({ digital: [1, 2, 3] });
    facade.advance(5);
    expect(delivered.map(({ timestamp, sample, pulses }) => [timestamp, sample, pulses])).toEqual([
      [50, 150, [{ electrode: 1, phases: [phase(-10, 200), phase(10, 200)] }]],
    ]);
  });

  it('fire at an edge only, and not within the refractory period', () => {
    const { facade, delivered } = createStimulating('execute uploadstimparameters;set runmode run;');
    facade.setLine(3, true);
    facade.advance(100);
    facade.setLine(3, true);
    facade.advance(100);
    facade.setLine(3, false);
    facade.setLine(3, true);
    facade.advance(12 + 29);
    facade.raiseLines({ digital: [3] });
    facade.setLine(3, false);
    facade.advance(1);
    facade.raiseLines({ digital: [3] });
    facade.advance(1);
    expect(delivered.map(({ sample }) => sample)).toEqual([0, 200, 242]);
  });

  it('fire trains where they were told to, and end with the board', () => {
    const { facade, delivered } = createStimulating(
      'set a-001.pulseortrain pulsetrain;set a-001.numberofstimpulses 5;execute uploadstimparameters;set runmode run;',
    );
    facade.raiseLines({ digital: [3] });
    facade.advance(700);
    facade.operate('set runmode stop;');
    facade.advance(1000);
    expect(delivered.map(({ sample }) => sample)).toEqual([0, 300, 600]);
  });

  it('listen to keys and analog inputs', () => {
    const { facade, delivered } = createStimulating('set a-001.source analogin08;execute uploadstimparameters;');
    facade.operate('set a-001.source keypressf8;set runmode run;');
    facade.raiseLines({ analog: [8] });
    facade.advance(100);
    facade.operate('execute uploadstimparameters a-001;execute manualstimtriggerpulse f8;');
    facade.operate('execute manualstimtriggerpulse f7;');
    facade.advance(100);
    expect(delivered.map(({ sample }) => sample)).toEqual([0, 100]);
    expect(facade.listArmed()).toEqual(['A-001']);
  });
});

function phase(currentUa: number, durationUs: number): unknown {
  return { currentUa, durationUs };
}

describe('the streams of the emulated RHX', () => {
  async function openStreams(facade: RhxFacade): Promise<{ readonly waveform: Client; readonly spike: Client }> {
    await facade.pressConnect();
    facade.operate('execute connecttcpwaveformdataoutput;execute connecttcpspikedataoutput;');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const streams = {
      waveform: await openClient(facade.ports.waveform),
      spike: await openClient(facade.ports.spike),
    };
    await waitUntil(
      () =>
        /Connected.*Connected/.test(
          facade.operate('get tcpwaveformdataoutputconnectionstatus;get tcpspikedataoutputconnectionstatus;'),
        ),
      () => 'not connected',
    );
    return streams;
  }

  async function decode(client: Client, enabled: EnabledOutputs, blocks: number): Promise<readonly WaveformBlock[]> {
    const layout = layOutWaveform(enabled);
    const length = (): number => client.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await waitUntil(
      () => length() >= blocks * layout.blockBytes,
      () => `${length()} bytes`,
    );
    const decoder = new WaveformDecoder(layout);
    const items = client.chunks.flatMap((chunk) => decoder.push(chunk));
    expect(decoder.end()).toEqual([]);
    return items.flatMap((item) => (item.type === 'block' ? [item] : []));
  }

  it('hold samples, STIM words and lines, frame by frame', async () => {
    const facade = createFacade();
    const { waveform } = await openStreams(facade);
    facade.operate(
      `set tcpnumberdatablocksperwrite 2;set a-003.tcpdataoutputenabled true;set a-001.tcpdataoutputenabledstim true;set a-001.tcpdataoutputenableddc true;set digital-in-05.tcpdataoutputenabled true;set a-001.stimenabled true;set a-001.source keypressf1;set a-001.${PULSE}execute uploadstimparameters;set runmode run;`,
    );
    facade.advance(130);
    facade.operate('execute manualstimtriggerpulse f1;');
    facade.setLine(5, true);
    facade.advance(127);
    facade.advance(256);
    const enabled: EnabledOutputs = {
      amplifiers: new Map<string, ReadonlySet<AmplifierBand>>([
        ['A-001', new Set(['dc', 'stim'])],
        ['A-003', new Set(['wide'])],
      ]),
      digitalIn: true,
    };
    const blocks = await decode(waveform, enabled, 4);
    expect(blocks.map(({ timestamp }) => timestamp)).toEqual([0, 128, 256, 384]);
    const layout = layOutWaveform(enabled);
    const column = (place: number): number[] =>
      blocks.flatMap(({ words }) => Array.from({ length: 128 }, (_, frame) => words[frame * 4 + place]!));
    const samples = column(findWord(layout, 'A-003', 'wide'));
    expect(samples).toEqual(Array.from({ length: 512 }, (_, sample) => rampValue(sample, 3) + 32_768));
    expect(new Set(column(findWord(layout, 'A-001', 'dc')))).toEqual(new Set([512]));
    const stim = column(findWord(layout, 'A-001', 'stim'));
    // 20 steps, 6 samples a phase; the amplifiers settle for 30 samples more.
    const runs = stim.flatMap((word, i) => (word === stim[i - 1] ? [] : [[i, word.toString(16)]]));
    expect(runs).toEqual([
      [0, '100'],
      [130, '2114'],
      [136, '2014'],
      [142, '2100'],
      [172, '100'],
    ]);
    const lines = column(3);
    expect(lines.indexOf(0x10)).toBe(130);
    expect(lines.lastIndexOf(0)).toBe(129);
  });

  it('change their size on the fly where somebody enables one channel more', async () => {
    const facade = createFacade();
    const { waveform } = await openStreams(facade);
    facade.operate('set tcpnumberdatablocksperwrite 1;set a-000.tcpdataoutputenabled true;set runmode run;');
    facade.advance(128);
    facade.operate('set a-001.tcpdataoutputenabled true;');
    facade.advance(128);
    await waitUntil(
      () => waveform.text().length >= 772 + 1028,
      () => `${waveform.text().length} bytes`,
    );
    expect(waveform.text()).toHaveLength(772 + 1028);
  });

  it('hold spikes where samples fall below the threshold', async () => {
    const facade = createFacade();
    const { spike } = await openStreams(facade);
    facade.operate('set a-002.tcpdataoutputenabledspike true;set a-002.spikethresholdmicrovolts -5000;');
    facade.operate('set tcpnumberdatablocksperwrite 1;set runmode run;');
    const threshold = -5000 / 0.195;
    const wanted = Array.from({ length: 20 * 128 }, (_, sample) => sample).filter(
      (sample) => rampValue(sample, 2) < threshold && (sample === 0 || rampValue(sample - 1, 2) >= threshold),
    );
    for (let block = 0; block < 80; block++) facade.advance(128);
    const spikes = (): readonly RhxSpike[] => {
      const decoder = new SpikeDecoder();
      return spike.chunks
        .flatMap((chunk) => decoder.push(chunk))
        .flatMap((item) => (item.type === 'spike' ? [item] : []));
    };
    await waitUntil(
      () => spikes().length >= 2,
      () => `${spikes().length} spikes`,
    );
    expect(spikes()[0]).toMatchObject({ channel: 'A-002', id: 1 });
    expect(spikes().map(({ timestamp }) => timestamp)).toEqual(expect.arrayContaining(wanted));
  });
});

it('is no controller of 31 kHz', () => {
  expect(() => createRhxFacade({ rig: createRampRig({ sampleRateHz: 31_000 }) })).toThrow(
    /No RHS controller samples so/,
  );
});
