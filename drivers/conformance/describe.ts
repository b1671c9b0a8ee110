import type { DataMessage, ReplyResult } from '../../protocols/mea-link/messages.js';

/** An answer in a few words: `refused late: sample 12 is past`. */
export function describeReply(reply: ReplyResult): string {
  switch (reply.type) {
    case 'refused':
      return `refused ${reply.reason}${reply.rule === undefined ? '' : ` (${reply.rule})`}: ${reply.message}`;
    case 'scheduled':
      return `scheduled for sample ${reply.sample}`;
    case 'resumed':
      return `resumed from ${reply.fromSequence}`;
    case 'status':
      return `status ${reply.state}, ${reply.armed ? 'armed' : 'not armed'}`;
    case 'done':
    case 'hello':
    case 'configured':
    case 'impedances':
      return reply.type;
  }
}

/** A message of the data lane in a few words: `stimulus-dropped 7 (cancelled)`. */
export function describeData(message: DataMessage): string {
  switch (message.type) {
    case 'stimulus-delivered':
      return `stimulus-delivered ${message.stimulusId} at sample ${message.sample}`;
    case 'stimulus-dropped':
      return `stimulus-dropped ${message.stimulusId} (${message.reason})`;
    case 'armed-changed':
      return `armed-changed to ${message.armed ? 'armed' : 'disarmed'} (${message.cause})`;
    case 'fault':
      return `fault ${message.code}: ${message.message}`;
    case 'block':
    case 'rested':
    case 'log':
    case 'stream-started':
    case 'stream-ended':
      return message.type;
  }
}
