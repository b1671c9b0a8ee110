import { describe, expect, it } from 'vitest';
import type {
  DeviceMessage,
  HostMessage,
  Refusal,
  ReplyResult,
  StimulusDelivered,
} from '../../protocols/mea-link/messages.js';
import { sampleIndex } from '../../protocols/units.js';
import { runVirtually } from '../../tests/helpers/conformance-device.js';
import { createLyingTransport, type Lies } from '../../tests/helpers/lying-transport.js';

/** A device with one defect, and the checks that must find it: these and no others. */
interface Mutant {
  readonly name: string;
  readonly lies: () => Lies;
  readonly fails: readonly string[];
}

/** The same as the device, but for its replies. */
function lieInReplies(change: (result: ReplyResult, commandId: number) => ReplyResult): Lies {
  return {
    toHost: (message) =>
      message.type === 'reply' ? { ...message, result: change(message.result, message.commandId) } : message,
  };
}

/** The same, but for what is on the data lane. */
function lieInData(change: (message: DeviceMessage) => DeviceMessage | undefined): Lies {
  return { toHost: change };
}

const DONE: ReplyResult = { type: 'done' };

function refusal(result: ReplyResult): Refusal | undefined {
  return result.type === 'refused' ? result : undefined;
}

/** Answers a command in the device's place. */
function pretend(message: HostMessage, result: ReplyResult): DeviceMessage {
  return { type: 'reply', sequence: 0, commandId: message.type === 'command' ? message.commandId : 0, result };
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'names no newest stimulus',
    lies: () => lieInReplies((result) => (result.type === 'hello' ? { ...result, newestStimulusId: 0 } : result)),
    fails: ['deliver-newest-id'],
  },
  {
    name: 'delivers one sample late',
    lies: () =>
      lieInData((message) =>
        message.type === 'stimulus-delivered' ? { ...message, sample: sampleIndex(message.sample + 1) } : message,
      ),
    fails: ['deliver-at-sample', 'deliver-empty'],
  },
  {
    name: 'reaches its compliance voltage with the smallest pulse',
    lies: () =>
      lieInData((message) =>
        message.type === 'stimulus-delivered' && message.electrodes.length > 0
          ? { ...message, limitedElectrodes: message.electrodes.slice(0, 1) }
          : message,
      ),
    fails: ['deliver-compliance'],
  },
  {
    name: 'tells of a stimulus after the block that shows it',
    lies: () => {
      let held: StimulusDelivered | undefined;
      return {
        toHost: (message, tell) => {
          if (message.type === 'stimulus-delivered') {
            held = message;
            return undefined;
          }
          if (held === undefined || message.type === 'reply' || message.type === 'device-heartbeat') return message;
          const late = { ...held, sequence: message.sequence };
          tell({ ...message, sequence: held.sequence });
          held = undefined;
          return late;
        },
      };
    },
    fails: ['deliver-before-block'],
  },
  {
    name: 'hashes another profile',
    lies: () =>
      lieInReplies((result) =>
        result.type === 'configured' ? { ...result, profileHash: result.profileHash.map((byte) => byte ^ 1) } : result,
      ),
    fails: ['configure-hash'],
  },
  {
    name: 'skips a number of the data lane',
    lies: () => {
      let blocks = 0;
      return lieInData((message) => {
        if (message.type === 'block') blocks += 1;
        const shift = blocks > 10 && message.type === 'block' ? 1 : 0;
        return { ...message, sequence: (message.sequence + shift) >>> 0 };
      });
    },
    fails: ['data-sequence', 'resume-same-bytes', 'resume-ring'],
  },
  {
    name: 'does not look at the ids of commands',
    lies: (() => {
      const given: number[] = [];
      return (): Lies => ({
        toDevice: (message) =>
          message.type === 'command' ? { ...message, commandId: 1_000_000 + given.push(message.commandId) } : message,
        toHost: (message) =>
          message.type === 'reply'
            ? { ...message, commandId: given[message.commandId - 1_000_001] ?? message.commandId }
            : message,
      });
    })(),
    fails: [
      'command-repeated-reply',
      'command-repeated-once',
      'command-stale-id',
      'command-id-zero',
      'trigger-repeated',
    ],
  },
  {
    name: 'refuses a repeated command',
    lies: () => {
      const seen = new Set<number>();
      return lieInReplies((result, commandId) => {
        if (seen.has(commandId)) return { type: 'refused', reason: 'wrong-state', message: 'again' };
        seen.add(commandId);
        return result;
      });
    },
    fails: ['command-repeated-reply', 'trigger-repeated'],
  },
  {
    name: 'says that it cancelled and does not',
    lies: () => ({
      toDevice: (message, answer) => {
        if (message.type !== 'command' || message.command.type !== 'cancel') return message;
        if (message.command.stimulusId > 100_000) return message;
        answer(pretend(message, { type: 'done' }));
        return undefined;
      },
    }),
    fails: ['cancel', 'cancel-too-late'],
  },
  {
    name: 'takes any token for a trigger',
    lies: () => {
      let armedWith: Uint8Array | undefined;
      return {
        toDevice: (message) => {
          if (message.type !== 'command') return message;
          const { command } = message;
          if (command.type === 'arm') armedWith = command.token;
          if (command.type !== 'trigger' || armedWith === undefined) return message;
          return { ...message, command: { ...command, token: armedWith } };
        },
      };
    },
    fails: ['trigger-bad-token'],
  },
  {
    name: 'has a wrong sum at the end of the stream',
    lies: () =>
      lieInData((message) =>
        message.type === 'stream-ended'
          ? { ...message, samplesCrc32c: (message.samplesCrc32c ^ 0x8000_0000) >>> 0 }
          : message,
      ),
    fails: ['stream-ended-crc'],
  },
  {
    name: 'counts a block too many at the end of the stream',
    lies: () =>
      lieInData((message) => (message.type === 'stream-ended' ? { ...message, blocks: message.blocks + 1 } : message)),
    fails: ['stream-ended-counts', 'stream-again'],
  },
  {
    name: 'names the wrong rule for too much charge',
    lies: () =>
      lieInReplies((result) => (refusal(result)?.rule === 'charge' ? { ...result, rule: 'current' } : result)),
    fails: ['safety-charge'],
  },
  {
    name: 'passes over impedances that are too old',
    lies: () =>
      lieInReplies((result) =>
        refusal(result)?.rule === 'impedance' && refusal(result)?.message.includes('since') === true
          ? { type: 'done' }
          : result,
      ),
    fails: ['safety-impedance-old'],
  },
  {
    name: 'is armed again when its controller comes back',
    lies: (() => {
      const left = new Set<string>();
      return (): Lies => {
        let isBack = false;
        return {
          toDevice: (message) => {
            if (message.type === 'command' && message.command.type === 'hello') {
              const id = message.command.clientId.join();
              isBack ||= left.has(id);
              left.add(id);
            }
            return message;
          },
          toHost: (message) =>
            isBack && message.type === 'reply' && message.result.type === 'status'
              ? { ...message, result: { ...message.result, armed: true } }
              : message,
        };
      };
    })(),
    fails: ['link-not-armed-again', 'link-taken-over'],
  },
  {
    name: 'takes a stimulus that is late',
    lies: () =>
      lieInReplies((result) =>
        refusal(result)?.reason === 'late' ? { type: 'scheduled', sample: sampleIndex(0) } : result,
      ),
    fails: ['trigger-late'],
  },
  {
    name: 'sends no heartbeats',
    lies: () => lieInData((message) => (message.type === 'device-heartbeat' ? undefined : message)),
    // What it does not send is missing among the numbers of the control lane.
    fails: ['heartbeat-interval', 'heartbeat-tail', 'heartbeat-state', 'command-control-sequence'],
  },
  {
    name: 'jumps by a sample too many in a rest',
    lies: () =>
      lieInData((message) =>
        message.type === 'rested' ? { ...message, toSample: sampleIndex(message.toSample + 1) } : message,
      ),
    fails: ['rest-jump'],
  },
  {
    name: 'takes a rest of nothing',
    lies: () => lieInReplies((result) => (refusal(result)?.message.includes('a rest takes') === true ? DONE : result)),
    fails: ['rest-zero'],
  },
  {
    name: 'forgets its pulses when it is configured',
    lies: () => {
      let configured = 0;
      return {
        toDevice: (message) => {
          if (message.type === 'command' && message.command.type === 'configure') configured += 1;
          return message;
        },
        ...lieInReplies((result) =>
          configured > 1 && ['rate', 'interval'].includes(refusal(result)?.rule ?? '')
            ? { type: 'scheduled', sample: sampleIndex(0) }
            : result,
        ),
      };
    },
    fails: ['safety-configure-keeps'],
  },
  {
    name: 'arms for whoever asks',
    lies: () => lieInReplies((result) => (refusal(result)?.reason === 'wrong-device' ? { type: 'done' } : result)),
    fails: ['arm-wrong-device'],
  },
  {
    name: 'measures the wrong electrodes',
    lies: () =>
      lieInReplies((result) =>
        result.type === 'impedances' ? { ...result, values: result.values.toReversed() } : result,
      ),
    fails: ['impedance-values'],
  },
  {
    name: 'refuses to abort',
    lies: () => ({
      toDevice: (message, answer) => {
        if (message.type !== 'command' || message.command.type !== 'abort') return message;
        answer(pretend(message, { type: 'refused', reason: 'wrong-state', message: 'not now' }));
        return undefined;
      },
    }),
    // The answer in the device's place has no number of its own.
    fails: ['hello-abort-before', 'hello-one-controller', 'command-abort-always', 'abort', 'command-control-sequence'],
  },
];

describe('a device that', () => {
  it.each(MUTANTS)('$name fails where it should, and nowhere else', async ({ lies, fails }) => {
    const { failed, report } = await runVirtually({ disguise: (honest) => createLyingTransport(honest, lies) });
    const said = report.results.filter(({ outcome }) => outcome.type === 'failed');
    expect([...failed].sort(), JSON.stringify(said)).toEqual([...fails].sort());
  });

  it('has no watchdog fails where it should, and nowhere else', async () => {
    const claims = lieInReplies((result) =>
      result.type === 'hello' ? { ...result, capabilities: { ...result.capabilities, watchdogMs: 100 } } : result,
    );
    const { failed } = await runVirtually({
      settings: { watchdogMs: 900_000 },
      disguise: (honest) => createLyingTransport(honest, () => claims),
    });
    expect(failed).toEqual(['watchdog-silence', 'watchdog-purges', 'watchdog-other-token']);
  });

  it('keeps less than it promises in its ring fails where it should, and nowhere else', async () => {
    const claims = lieInReplies((result) =>
      result.type === 'hello' ? { ...result, capabilities: { ...result.capabilities, ringMs: 5000 } } : result,
    );
    const { failed } = await runVirtually({
      settings: { ringMs: 1000 },
      disguise: (honest) => createLyingTransport(honest, () => claims),
    });
    expect(failed).toEqual(['resume-ring']);
  });
});
