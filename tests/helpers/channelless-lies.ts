import type { DeviceMessage } from '../../protocols/mea-link/messages.js';
import type { Lies } from './lying-transport.js';

/**
 * Lies that turn a device into one without recording channels: no block comes, and the other messages of the data lane
 * are numbered as if there had never been one.
 *
 * @returns opens the lies of a link; the numbers are those of the device, whatever the link
 */
export function createChannellessLies(): () => Lies {
  /** Numbers that messages other than blocks really have, rising. */
  const numbers: number[] = [];
  const tell = (sequence: number): number => numbers.filter((number) => number < sequence).length;
  const lies: Lies = {
    toDevice: (message) => {
      if (message.type !== 'command' || message.command.type !== 'resume') return message;
      const { fromSequence } = message.command;
      // One that is yet to come stays one.
      const real = numbers[fromSequence] ?? fromSequence + 1_000_000;
      return { ...message, command: { ...message.command, fromSequence: real } };
    },
    toHost: (message) => {
      if (message.type === 'block') return undefined;
      if (message.type === 'reply') return { ...message, result: tellResult(message.result, tell) };
      if (message.type === 'device-heartbeat') {
        return { ...message, nextDataSequence: tell(message.nextDataSequence) };
      }
      if (!numbers.includes(message.sequence)) numbers.push(message.sequence);
      const sequence = tell(message.sequence);
      return message.type === 'stream-ended'
        ? { ...message, sequence, blocks: 0, frames: 0, samplesCrc32c: 0 }
        : { ...message, sequence };
    },
  };
  return () => lies;
}

type Result = Extract<DeviceMessage, { readonly type: 'reply' }>['result'];

function tellResult(result: Result, tell: (sequence: number) => number): Result {
  switch (result.type) {
    case 'hello':
      return {
        ...result,
        capabilities: { ...result.capabilities, channels: 0 },
        nextDataSequence: tell(result.nextDataSequence),
        oldestDataSequence: tell(result.oldestDataSequence),
      };
    case 'resumed':
      return { ...result, fromSequence: tell(result.fromSequence), nextSequence: tell(result.nextSequence) };
    case 'status':
      return { ...result, nextDataSequence: tell(result.nextDataSequence) };
    case 'done':
    case 'scheduled':
    case 'configured':
    case 'impedances':
    case 'refused':
      return result;
  }
}
