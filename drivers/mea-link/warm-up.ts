import { encodeHostMessage } from '../../protocols/mea-link/codec.js';
import { createLengthFraming } from '../../protocols/mea-link/framing.js';
import type { Timers } from '../../protocols/timers.js';
import { sampleIndex } from '../../protocols/units.js';
import { CommandChannel } from './command-channel.js';

/**
 * Makes and answers so many trigger commands that reach nobody. The engine compiles what runs often: without this, the
 * first hundreds of real commands, which in an experiment are minutes, take several times as long.
 */
export async function warmUpCommands(timers: Timers, rounds: number): Promise<void> {
  const { encoder, decoder } = createLengthFraming();
  const sink = { onMessage: (): void => undefined, onBadFrame: (): void => undefined };
  const channel = new CommandChannel({
    timers,
    address: 'nowhere',
    maxQueued: 1,
    retryMs: 1000,
    deadlineMs: 1000,
    send: (commandId, command) => {
      const bytes = encodeHostMessage({ type: 'command', sequence: commandId, commandId, command });
      decoder.push(encoder.encode('control', bytes), sink);
      return true;
    },
  });
  channel.open();
  const token = new Uint8Array(16);
  for (let round = 1; round <= rounds; round++) {
    const sample = sampleIndex(round * 20);
    const at = { type: 'sample', sample } as const;
    const answered = channel.request({ type: 'trigger', stimulusId: round, slot: round % 8, at, token });
    channel.onReply({ type: 'reply', sequence: round, commandId: round, result: { type: 'scheduled', sample } });
    await answered;
  }
}
