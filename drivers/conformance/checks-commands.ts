import { hertz } from '../../protocols/units.js';
import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { ANSWER_MS } from './device-session.js';
import { awaitData, dataOf, want, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';
import { encodeUnknownCommand, garbage } from './raw-messages.js';

/** When a command is refused, in the words of a title. */
const PLACES = {
  idle: 'before the device is configured',
  ready: 'while the device does not acquire',
  running: 'while the device acquires',
} as const;

/** How commands are answered, whatever they are. */
export const COMMAND_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'command-unknown',
    title: 'a command that this version does not know is refused as `unknown-command`',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      const commandId = session.nextCommandId;
      session.skipCommandIds(1);
      const from = session.control.length;
      session.sendBytes(encodeUnknownCommand(session.takeSequence(), commandId));
      wantRefused(await session.awaitReply(commandId, { from, what: 'refused unknown-command' }), 'unknown-command');
    },
  },
  {
    id: 'command-garbage',
    title: 'bytes that are no message are passed over, and the link lives on',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      session.sendBytes(garbage());
      session.sendBytes(new Uint8Array(1));
      wantReply(await session.send({ type: 'status' }), 'status');
    },
  },
  {
    id: 'command-repeated-reply',
    title: 'a command that comes again with the same id gets the same reply',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openConfigured();
      const commandId = session.nextCommandId;
      wantType(await session.send({ type: 'start' }), 'done');
      wantType(await session.send({ type: 'start' }, { commandId }), 'done');
    },
  },
  {
    id: 'command-repeated-once',
    title: 'a command that comes again with the same id is carried out once',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      const commandId = session.nextCommandId;
      await session.send({ type: 'rest', durationSamples: 1000 });
      await session.send({ type: 'rest', durationSamples: 1000 }, { commandId });
      await session.send({ type: 'stop' });
      await awaitData(session, 'stream-ended');
      wantEqual('number of rests', dataOf(session, 'rested').length, 1);
    },
  },
  {
    id: 'command-stale-id',
    title: 'an id that is lower than those answered, and was never used, is refused as `stale-id`',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      const commandId = session.nextCommandId;
      session.skipCommandIds(20);
      wantType(await session.send({ type: 'disarm' }), 'done');
      wantRefused(await session.send({ type: 'disarm' }, { commandId }), 'stale-id');
    },
  },
  {
    id: 'command-id-zero',
    title: 'the id 0 is refused',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      wantReply(await session.send({ type: 'disarm' }, { commandId: 0 }), 'refused');
    },
  },
  {
    id: 'command-one-reply',
    title: 'each command is answered once, on the control lane, and all that comes can be decoded',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      const from = session.control.length;
      const first = session.nextCommandId;
      for (let k = 0; k < 20; k++) await session.send({ type: 'status' });
      await session.sleep(100);
      const ids = session.control
        .slice(from)
        .flatMap(({ message }) => (message.type === 'reply' ? [message.commandId] : []));
      const wanted = Array.from({ length: 20 }, (_, k) => first + k);
      wantEqual('answers to', ids.join(), wanted.join());
      wantEqual('messages that cannot be decoded', session.bad.join('; '), '');
    },
  },
  {
    id: 'command-control-sequence',
    title: 'messages of the control lane count on by one',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      await session.sleep(3 * context.capabilities.heartbeatMs);
      await session.status();
      const numbers = session.control.map(({ message }) => message.sequence);
      const first = numbers[0] ?? 0;
      const broken = numbers.findIndex((number, i) => number !== (first + i) >>> 0);
      want(broken < 0, `${numbers[broken]} after ${numbers[broken - 1]}`, 'numbers that rise by 1');
    },
  },
  {
    id: 'command-status',
    title: 'status tells the state, and a sample counter that runs only while the device acquires',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openConfigured();
      const ready = await session.status();
      wantEqual('state', ready.state, 'ready');
      await session.sleep(50);
      wantEqual('next sample while not acquiring', (await session.status()).nextSample, ready.nextSample);
      wantType(await session.send({ type: 'start' }), 'done');
      await session.sleep(100);
      const running = await session.status();
      wantEqual('state', running.state, 'running');
      want(running.nextSample > ready.nextSample, `sample ${running.nextSample}`, `more than ${ready.nextSample}`);
    },
  },
  ...[
    stateCheck('idle', 'start'),
    stateCheck('idle', 'upload-pattern'),
    stateCheck('idle', 'arm'),
    stateCheck('idle', 'stop'),
    stateCheck('idle', 'rest'),
    stateCheck('idle', 'trigger'),
  ],
  ...[stateCheck('ready', 'stop'), stateCheck('ready', 'rest'), stateCheck('ready', 'trigger')],
  ...[stateCheck('running', 'start'), stateCheck('running', 'configure'), stateCheck('running', 'measure-impedance')],
  {
    id: 'command-abort-always',
    title: 'abort is carried out in every state',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      wantType(await session.send({ type: 'abort' }), 'done');
      const { blockFrames, profile } = context;
      wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      wantType(await session.send({ type: 'abort' }), 'done');
      wantType(await session.send({ type: 'start' }), 'done');
      wantType(await session.send({ type: 'abort' }), 'done');
      wantEqual('state after abort', (await session.status()).state, 'running');
    },
  },
  {
    id: 'command-cancel-unknown',
    title: 'cancel of a stimulus that is not waiting is refused as `bad-argument`',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const session = await context.openRunning();
      wantRefused(await session.send({ type: 'cancel', stimulusId: 999_999 }), 'bad-argument');
    },
  },
  {
    id: 'command-answer-time',
    title: 'commands are answered within 100 ms while the device acquires',
    section: 'commands',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      let slowest = 0;
      for (let k = 0; k < 20; k++) {
        const sentMs = context.timers.nowMs();
        await session.status();
        slowest = Math.max(slowest, context.timers.nowMs() - sentMs);
        await session.sleep(5);
      }
      want(slowest <= 100, `${slowest.toFixed(1)} ms`, `at most 100 ms (the kit gives up after ${ANSWER_MS})`);
    },
  },
];

type StateCommand =
  'start' | 'stop' | 'rest' | 'trigger' | 'arm' | 'configure' | 'upload-pattern' | 'measure-impedance';

/** A command that a state does not allow. */
function stateCheck(state: 'idle' | 'ready' | 'running', command: StateCommand): ConformanceCheck {
  const needsProfile = command === 'start' || command === 'upload-pattern' || command === 'arm';
  const reason = state === 'idle' && needsProfile ? 'not-configured' : 'wrong-state';
  return {
    id: `state-${state}-${command}`,
    title: `${command} is refused as \`${reason}\` ${PLACES[state]}`,
    section: 'commands',
    electrodes: command === 'measure-impedance' ? 'driven' : 'untouched',
    async run(context: CheckContext): Promise<void> {
      const stimulates = command === 'upload-pattern' || command === 'arm' || command === 'trigger';
      if (stimulates && context.capabilities.stimulation === null) {
        throw new CheckSkipped('the device has no stimulation outputs');
      }
      if (command === 'measure-impedance' && !context.capabilities.canMeasureImpedance) {
        throw new CheckSkipped('the device does not measure impedances');
      }
      const session = await openIn(context, state);
      wantRefused(await sendCommand(context, session, command), reason);
    },
  };
}

type Session = Awaited<ReturnType<CheckContext['open']>>;

async function openIn(context: CheckContext, state: 'idle' | 'ready' | 'running'): Promise<Session> {
  if (state === 'running') return context.openRunning();
  if (state === 'ready') return context.openConfigured();
  const session = await context.open();
  if ((await session.status()).state === 'idle') return session;
  throw new CheckSkipped('the device has been configured since it booted');
}

function sendCommand(context: CheckContext, session: Session, command: StateCommand): ReturnType<Session['send']> {
  const { profile, blockFrames } = context;
  const token = new Uint8Array(16).fill(1);
  switch (command) {
    case 'start':
    case 'stop':
      return session.send({ type: command });
    case 'rest':
      return session.send({ type: 'rest', durationSamples: 100 });
    case 'configure':
      return session.send({ type: 'configure', blockFrames, safetyProfile: profile });
    case 'upload-pattern':
      return session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses: [] } });
    case 'trigger':
      return session.send({ type: 'trigger', stimulusId: 1, slot: 0, at: { type: 'now' }, token });
    case 'arm': {
      const { serialNumber } = context.capabilities;
      return session.send({ type: 'arm', token, serialNumber, profileHash: new Uint8Array(32) });
    }
    case 'measure-impedance':
      return session.send({ type: 'measure-impedance', electrodes: [0], frequencyHz: hertz(1000) });
  }
}
