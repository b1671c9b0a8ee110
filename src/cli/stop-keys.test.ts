import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { createStopKeys, hasForeground, type KeyInput } from './stop-keys.js';

/** A terminal that notes what is done with it. */
class FakeTerminal extends EventEmitter implements KeyInput {
  readonly done: string[] = [];

  setRawMode(isRaw: boolean): void {
    this.done.push(isRaw ? 'raw' : 'cooked');
  }

  resume(): void {
    this.done.push('resume');
  }

  pause(): void {
    this.done.push('pause');
  }

  type(keys: string): void {
    this.emit('data', Buffer.from(keys));
  }
}

function open() {
  const terminal = new FakeTerminal();
  const pressed: string[] = [];
  const keys = createStopKeys(terminal, {
    onStop: () => pressed.push('stop'),
    onInterrupt: () => pressed.push('interrupt'),
  });
  return { terminal, pressed, keys };
}

describe('keys that stop', () => {
  it.each([
    [' ', ['stop']],
    ['x', ['stop']],
    ['X', ['stop']],
    ['\u0003', ['interrupt']],
    ['ab\r', []],
    ['\u001b[A', []],
    ['q\u0003x', ['interrupt', 'stop']],
  ])('take %j', (typed, wanted) => {
    const { terminal, pressed, keys } = open();
    keys.begin();
    terminal.type(typed);
    expect(pressed).toEqual(wanted);
  });

  it('leave the terminal alone before they begin, and as it was when they end, once', () => {
    const { terminal, pressed, keys } = open();
    keys.end();
    terminal.type('x');
    expect([terminal.done, pressed]).toEqual([[], []]);
    keys.begin();
    keys.begin();
    expect(terminal.done).toEqual(['raw', 'resume']);
    keys.end();
    keys.end();
    expect(terminal.done).toEqual(['raw', 'resume', 'cooked', 'pause']);
    terminal.type('x');
    expect([terminal.listenerCount('data'), pressed]).toEqual([0, []]);
  });
});

describe('the foreground', () => {
  it.each([
    ['4242 (node) S 4200 4242 4200 34816 4242 4194304 1', true],
    ['4242 (a ) name) S 4200 4242 4200 34816 4242 4194304 1', true],
    ['4242 (node) S 4200 4242 4200 34816 4200 4194304 1', false],
    ['4242 (node) S 4200 4242 4200 0 -1 4194304 1', false],
    [undefined, true],
  ])('of %j', (stat, wanted) => {
    expect(hasForeground(stat)).toBe(wanted);
  });
});
