import type { DataMessage } from '../protocols/mea-link/messages.js';

/**
 * The line that a message of the data lane leaves in the device's ledger: what was done to the culture and when, on the
 * device's sample counter. Messages that depend on when a link delivered something (arming, faults, logs) leave none, nor
 * do blocks, whose cut is the controller's choice: one seed and the same stimuli give the same ledger on any link.
 */
export function toLedgerEntry(message: DataMessage): Readonly<Record<string, unknown>> | undefined {
  switch (message.type) {
    case 'stimulus-delivered':
    case 'stimulus-dropped':
    case 'rested':
    case 'stream-started':
      // Sequence numbers count blocks too.
      return { ...message, sequence: undefined };
    case 'stream-ended': {
      const { type, endSample, frames, samplesCrc32c } = message;
      return { type, endSample, frames, samplesCrc32c };
    }
    case 'block':
    case 'armed-changed':
    case 'fault':
    case 'log':
      return undefined;
  }
}
