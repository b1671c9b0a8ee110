import type { CheckContext } from './check-context.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { ConformanceCheck } from './conformance-check.js';
import { wantEqual, wantRefused, wantReply } from './expectations.js';
import { encodeConfigureWithUnknownLimit, encodeConfigureWithoutLimit } from './raw-messages.js';

/** What `configure` takes, refuses and answers. */
export const CONFIGURATION_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'configure-hash',
    title: 'configure is answered with the SHA-256 of the profile as it was sent',
    section: 'configuration',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      for (const profile of [context.profile, { ...context.profile, name: `${context.profile.name} (checked)` }]) {
        const { blockFrames } = context;
        const reply = wantReply(
          await session.send({ type: 'configure', blockFrames, safetyProfile: profile }),
          'configured',
        );
        wantEqual('hash', toHex(reply.profileHash), toHex(hashSafetyProfile(profile)));
      }
    },
  },
  {
    id: 'configure-block-frames',
    title: 'configure takes 1 frame and the largest number of frames in a block, and says so',
    section: 'configuration',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      for (const blockFrames of [1, context.capabilities.maxBlockFrames]) {
        const command = { type: 'configure', blockFrames, safetyProfile: context.profile } as const;
        const reply = wantReply(await session.send(command), 'configured');
        wantEqual('blockFrames', reply.blockFrames, blockFrames);
      }
    },
  },
  {
    id: 'configure-too-many-frames',
    title: 'more frames in a block than the device can are refused as `bad-argument`',
    section: 'configuration',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openConfigured();
      const blockFrames = context.capabilities.maxBlockFrames + 1;
      wantRefused(
        await session.send({ type: 'configure', blockFrames, safetyProfile: context.profile }),
        'bad-argument',
      );
    },
  },
  rawCheck('configure-unknown-limit', {
    title: 'a profile with a limit that the device does not know is refused, not passed over',
    encode: encodeConfigureWithUnknownLimit,
  }),
  rawCheck('configure-missing-limit', {
    title: 'a profile in which a limit is missing is refused',
    encode: encodeConfigureWithoutLimit,
  }),
];

interface RawCheck {
  readonly title: string;
  readonly encode: typeof encodeConfigureWithUnknownLimit;
}

/** `configure` with a profile that is not in the canonical form. */
function rawCheck(id: string, { title, encode }: RawCheck): ConformanceCheck {
  return {
    id,
    title,
    section: 'configuration',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.open();
      const commandId = session.nextCommandId;
      session.skipCommandIds(1);
      const from = session.control.length;
      const { blockFrames, profile } = context;
      session.sendBytes(encode({ sequence: session.takeSequence(), commandId }, { blockFrames, profile }));
      wantReply(await session.awaitReply(commandId, { from, what: 'refused' }), 'refused');
    },
  };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
