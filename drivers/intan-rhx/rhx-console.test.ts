import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { RhxCommand } from '../../protocols/intan-rhx/command.js';
import { createVirtualTimers } from '../../protocols/virtual-timers.js';
import { RhxConsole } from './rhx-console.js';

/** What the console uses of a socket, with RHX played by hand. */
class ScriptedSocket extends EventEmitter {
  readonly writes: string[] = [];
  isDestroyed = false;

  write(text: string, _encoding: string, written: () => void): boolean {
    this.writes.push(text);
    queueMicrotask(written);
    return true;
  }

  destroy(): this {
    this.isDestroyed = true;
    return this;
  }

  say(text: string): void {
    this.emit('data', Buffer.from(text, 'latin1'));
  }
}

function open(): {
  readonly socket: ScriptedSocket;
  readonly console: RhxConsole;
  readonly timers: ReturnType<typeof createVirtualTimers>;
  readonly warnings: string[];
  readonly gone: string[];
} {
  const socket = new ScriptedSocket();
  const timers = createVirtualTimers();
  const warnings: string[] = [];
  const gone: string[] = [];
  const console = new RhxConsole(asSocket(socket), {
    timers,
    answerMs: 1000,
    where: 'here',
    onGone: (reason) => gone.push(reason),
    onWarning: (message) => warnings.push(message),
  });
  return { socket, console, timers, warnings, gone };
}

function asSocket(socket: EventEmitter): Socket {
  if (isSocket(socket)) return socket;
  throw new Error('no socket');
}

/** The console uses no more of a socket than is scripted. */
function isSocket(socket: EventEmitter): socket is Socket {
  return socket instanceof ScriptedSocket;
}

const VERSION: RhxCommand = { type: 'get', item: 'Version' };
const TYPE: RhxCommand = { type: 'get', item: 'Type' };

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe('the console of RHX', () => {
  it('sends no command late that is to come at once or not at all', async () => {
    const { socket, console, timers } = open();
    const answers: unknown[] = [];
    const asked = console.ask([VERSION]);
    const late = console.tell([TYPE], (answer) => answers.push(answer));
    late.catch(() => undefined);
    await timers.advanceAsync(15);
    const fresh = console.tell([TYPE], (answer) => answers.push(answer));
    await timers.advanceAsync(15);
    socket.say('Return: Version 3.4.0Return: RunMode Run');
    await asked;
    await expect(late).rejects.toThrow(/would have come late was not sent/);
    await fresh;
    expect(socket.writes).toEqual(['get version;get runmode;', 'get type;get runmode;']);
    expect(answers).toEqual([]);
  });

  it('writes one batch at a time, with an end mark, and waits for that', async () => {
    const { socket, console } = open();
    const first = console.ask([VERSION]);
    const second = console.ask([TYPE]);
    await settle();
    expect(socket.writes).toEqual(['get version;get runmode;']);
    socket.say('Return: Version 3.4.0');
    await settle();
    expect(socket.writes).toHaveLength(1);
    socket.say('Return: RunMode Run');
    expect(await first).toEqual([{ type: 'value', name: 'Version', value: '3.4.0' }]);
    expect(console.mode).toBe('Run');
    await settle();
    expect(socket.writes).toEqual(['get version;get runmode;', 'get type;get runmode;']);
    socket.say('Return: Type ControllerStimRecordReturn: RunMode Stop');
    expect(await second).toHaveLength(1);
    expect(console.mode).toBe('Stop');
  });

  it('takes an answer that is cut at any byte', async () => {
    const answer = 'Return: Version 3.4.0Unrecognized parameterReturn: RunMode Record';
    for (let cut = 1; cut < answer.length; cut++) {
      const { socket, console } = open();
      const asked = console.ask([VERSION, TYPE]);
      await settle();
      socket.say(answer.slice(0, cut));
      await settle();
      socket.say(answer.slice(cut));
      expect((await asked).map(({ type }) => type)).toEqual(['value', 'error']);
    }
  });

  it('tells the run mode that was asked for from the end mark', async () => {
    const { socket, console } = open();
    const asked = console.ask([{ type: 'get', item: 'RunMode' }]);
    await settle();
    socket.say('Return: RunMode Run');
    await settle();
    socket.say('Return: RunMode Stop');
    expect(await asked).toEqual([{ type: 'value', name: 'RunMode', value: 'Run' }]);
  });

  it('takes no late answer for that of another batch', async () => {
    const { socket, console, timers } = open();
    const first = console.ask([VERSION]);
    const failed = expect(first).rejects.toThrow(/did not answer within 1000 ms: got "Return: V"/);
    await settle();
    socket.say('Return: V');
    await timers.advanceAsync(1000);
    await failed;
    const second = console.ask([TYPE]);
    await settle();
    socket.say('ersion 3.4.0Return: RunMode Stop');
    await settle();
    socket.say('Return: Type ControllerStimRecordReturn: RunMode Run');
    expect(await second).toEqual([{ type: 'value', name: 'Type', value: 'ControllerStimRecord' }]);
  });

  it('takes a late answer that is glued to the next, and one that comes while nothing is asked', async () => {
    const { socket, console, timers, warnings } = open();
    for (const glued of [true, false]) {
      const failed = expect(console.ask([VERSION])).rejects.toThrow(/did not answer/);
      await timers.advanceAsync(1000);
      await failed;
      if (!glued) socket.say('Return: Version 3.4.0Return: RunMode Stop');
      const next = console.ask([TYPE]);
      await settle();
      socket.say(`${glued ? 'Return: Version 3.4.0Return: RunMode Stop' : ''}Return: Type XReturn: RunMode Run`);
      expect(await next).toEqual([{ type: 'value', name: 'Type', value: 'X' }]);
    }
    expect(warnings).toEqual([]);
  });

  it('sends what is urgent before all that waits, which is refused', async () => {
    const { socket, console } = open();
    const first = console.ask([VERSION]);
    const waiting = expect(console.ask([TYPE])).rejects.toThrow(/dropped: stimulation was switched off/);
    const urgent = console.ask([{ type: 'set', item: 'RunMode', value: 'Stop' }], { urgent: true });
    await waiting;
    await settle();
    socket.say('Return: Version 3.4.0Return: RunMode Run');
    await first;
    await settle();
    expect(socket.writes.at(-1)).toBe('set runmode stop;get runmode;');
    socket.say('Return: RunMode Stop');
    expect(await urgent).toEqual([]);
  });

  it('resolves what it tells when that was written, and says later what came of it', async () => {
    const { socket, console } = open();
    const answers: unknown[] = [];
    const press: RhxCommand = { type: 'execute', action: 'ManualStimTriggerPulse', argument: 'f1' };
    await console.tell([press], (answer) => answers.push(answer));
    expect(socket.writes).toEqual(['execute manualstimtriggerpulse f1;get runmode;']);
    expect(answers).toEqual([]);
    socket.say('Return: RunMode Run');
    await settle();
    expect(answers).toEqual([[]]);
  });

  it('starts the board by itself in its write, without waiting for an answer', async () => {
    const { socket, console, timers } = open();
    await console.startBoard();
    expect(socket.writes).toEqual(['set runmode run;']);
    expect(timers.pending).toBe(0);
  });

  it('says what RHX said without being asked', () => {
    const { socket, warnings } = open();
    socket.say('Hello');
    expect(warnings).toEqual(['RHX said without being asked: "Hello"']);
  });

  it('rejects everything when the connection is gone', async () => {
    const { socket, console, gone, timers } = open();
    const first = expect(console.ask([VERSION])).rejects.toThrow(/command port of RHX is gone/);
    const second = expect(console.ask([TYPE])).rejects.toThrow(/command port of RHX is gone/);
    await settle();
    socket.emit('error', new Error('reset'));
    socket.emit('close');
    await Promise.all([first, second]);
    await expect(console.ask([VERSION])).rejects.toThrow(/reset/);
    expect(gone).toEqual(['the connection failed: reset']);
    expect(timers.pending).toBe(0);
    expect(console.isConnected).toBe(false);
  });
});
