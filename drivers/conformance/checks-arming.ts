import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { ArmCommand, ArmingCause } from '../../protocols/mea-link/messages.js';
import type { CheckContext } from './check-context.js';
import type { ConformanceCheck } from './conformance-check.js';
import type { DeviceSession } from './device-session.js';
import { awaitData, want, wantDropped, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';
import { sampleAhead, sendTrigger } from './stimuli.js';

const TOKEN = new Uint8Array(16).fill(0x5a);

/** Who may arm, and everything that disarms. */
export const ARMING_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'arm-not-by-itself',
    title: 'nothing but `arm` arms: not configure, not start, not a heartbeat with a token',
    section: 'arming',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const session = await context.openRunning();
      session.beat({ token: TOKEN, armedForMs: 1000 });
      wantEqual('armed', (await session.status()).armed, false);
    },
  },
  refusalCheck('arm-wrong-device', {
    title: 'arm that means another serial number is refused as `wrong-device`',
    reason: 'wrong-device',
    change: ({ serialNumber }) => ({ serialNumber: `${serialNumber}-another` }),
  }),
  refusalCheck('arm-wrong-profile', {
    title: 'arm with the hash of another profile is refused as `wrong-profile`',
    reason: 'wrong-profile',
    change: ({ profileHash }) => ({ profileHash: profileHash.map((byte, i) => (i === 31 ? byte ^ 1 : byte)) }),
  }),
  refusalCheck('arm-zero-token', {
    title: 'arm with a token of zeros is refused as `bad-argument`',
    reason: 'bad-argument',
    change: () => ({ token: new Uint8Array(16) }),
  }),
  {
    id: 'arm',
    title: 'arm is answered, said on the data lane with its cause, and seen in status',
    section: 'arming',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await context.openArmed();
      const changed = await awaitData(session, 'armed-changed');
      wantEqual('armed', changed.armed, true);
      wantEqual('cause', changed.cause, 'command');
      wantEqual('armed in status', (await session.status()).armed, true);
    },
  },
  {
    id: 'arm-twice',
    title: 'a device that is armed refuses arm as `wrong-state`',
    section: 'arming',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await context.openArmed();
      const { serialNumber } = context.capabilities;
      const profileHash = hashSafetyProfile(context.profile);
      wantRefused(await session.send({ type: 'arm', token: TOKEN, serialNumber, profileHash }), 'wrong-state');
    },
  },
  disarmCheck('disarm', {
    title: 'disarm disarms, and purges the queue as `disarmed`',
    cause: 'command',
    reason: 'disarmed',
    act: async (session) => {
      wantType(await session.send({ type: 'disarm' }), 'done');
    },
  }),
  disarmCheck('abort', {
    title: 'abort disarms, and purges the queue as `aborted`',
    cause: 'abort',
    reason: 'aborted',
    act: async (session) => {
      wantType(await session.send({ type: 'abort' }), 'done');
    },
  }),
  disarmCheck('stop-disarms', {
    title: 'stop disarms, and purges the queue as `stopped`',
    cause: 'stopped',
    reason: 'stopped',
    act: async (session) => {
      wantType(await session.send({ type: 'stop' }), 'done');
    },
  }),
  {
    id: 'configure-disarms',
    title: 'a device that is configured anew is no longer armed',
    section: 'arming',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const session = await context.openConfigured();
      session.data.length = 0;
      await context.arm(session);
      const { blockFrames, profile } = context;
      wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      const changed = await awaitData(session, 'armed-changed', { after: 1 });
      wantEqual('armed', changed.armed, false);
      wantEqual('cause', changed.cause, 'reconfigured');
    },
  },
  {
    id: 'disarm-for-good',
    title: 'a heartbeat with the old token does not arm again',
    section: 'arming',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await context.openArmed();
      wantType(await session.send({ type: 'disarm' }), 'done');
      await session.sleep(100);
      wantEqual('armed after heartbeats', (await session.status()).armed, false);
      const stimulusId = context.stimulusIds.next();
      wantRefused(await sendTrigger({ session, token }, { stimulusId }), 'not-armed');
    },
  },
];

interface Refusal {
  readonly title: string;
  readonly reason: 'wrong-device' | 'wrong-profile' | 'bad-argument';
  readonly change: (right: ArmCommand) => Partial<ArmCommand>;
}

/** `arm` with one thing wrong. Nothing is triggered, whatever the device makes of it. */
function refusalCheck(id: string, { title, reason, change }: Refusal): ConformanceCheck {
  return {
    id,
    title,
    section: 'arming',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const session = await context.openConfigured();
      const right: ArmCommand = {
        type: 'arm',
        token: TOKEN,
        serialNumber: context.capabilities.serialNumber,
        profileHash: hashSafetyProfile(context.profile),
      };
      wantRefused(await session.send({ ...right, ...change(right) }), reason);
      wantEqual('armed', (await session.status()).armed, false);
    },
  };
}

interface Disarming {
  readonly title: string;
  readonly cause: ArmingCause;
  readonly reason: 'disarmed' | 'aborted' | 'stopped';
  readonly act: (session: DeviceSession) => Promise<void>;
}

/** One way out of being armed, with a stimulus (an empty one) waiting. */
function disarmCheck(id: string, { title, cause, reason, act }: Disarming): ConformanceCheck {
  return {
    id,
    title,
    section: 'arming',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, stimulusId } = await armWithStimulus(context);
      await act(session);
      await wantDropped(session, stimulusId, reason);
      const changed = await awaitData(session, 'armed-changed', { after: 1 });
      want(
        !changed.armed && changed.cause === cause,
        `${changed.armed ? 'armed' : 'disarmed'} (${changed.cause})`,
        cause,
      );
      wantEqual('armed in status', (await session.status()).armed, false);
    },
  };
}

/** An armed device with an empty stimulus that is due in a while. */
async function armWithStimulus(context: CheckContext): Promise<{ session: DeviceSession; stimulusId: number }> {
  const armed = await context.openArmed();
  const stimulusId = context.stimulusIds.next();
  const sample = await sampleAhead(context, armed.session, 400);
  wantType(await sendTrigger(armed, { stimulusId, sample }), 'scheduled');
  return { session: armed.session, stimulusId };
}
