import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { fatesOf, want, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';
import { assertSchedules, sampleAhead, sendTrigger } from './stimuli.js';

/** A queue that is longer is not filled. */
const MAX_QUEUE = 256;

/** Triggers that are refused, and why. All stimuli are empty patterns. */
export const TRIGGER_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'trigger-not-armed',
    title: 'trigger is refused as `not-armed` while the device is not armed',
    section: 'triggers',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      context.assertStimulates();
      const session = await context.openRunning();
      wantType(await session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses: [] } }), 'done');
      const armed = { session, token: new Uint8Array(16).fill(9) };
      wantRefused(await sendTrigger(armed, { stimulusId: context.stimulusIds.next() }), 'not-armed');
    },
  },
  {
    id: 'trigger-bad-token',
    title: 'trigger with another token is refused as `bad-token`, and stays without effect',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await context.openArmed();
      const other = token.map((byte, i) => (i === 15 ? byte ^ 0x80 : byte));
      const stimulusId = context.stimulusIds.next();
      wantRefused(await sendTrigger({ session, token: other }, { stimulusId }), 'bad-token');
      await session.sleep(100);
      wantEqual('messages about the stimulus', fatesOf(session, stimulusId).length, 0);
    },
  },
  {
    id: 'trigger-empty-slot',
    title: 'trigger of a slot that holds no pattern is refused as `empty-slot`',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { slots } = context.stimulation;
      if (slots < 2) throw new CheckSkipped('the device has one slot only');
      const armed = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      wantRefused(await sendTrigger(armed, { stimulusId, slot: slots - 1 }), 'empty-slot');
    },
  },
  {
    id: 'trigger-late',
    title: 'trigger for a sample that is past is refused as `late`',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      assertSchedules(context, 0);
      const armed = await context.openArmed();
      const { nextSample } = await armed.session.status();
      await armed.session.sleep(50);
      const late = { stimulusId: context.stimulusIds.next(), sample: Math.max(0, nextSample - 1) };
      wantRefused(await sendTrigger(armed, late), 'late');
    },
  },
  {
    id: 'trigger-too-far-ahead',
    title: 'trigger for a sample further ahead than hello allows is refused as `too-far-ahead`',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { maxAheadMs } = context.stimulation;
      assertSchedules(context, 0);
      const armed = await context.openArmed();
      const sample = (await armed.session.status()).nextSample + context.toSamples(maxAheadMs + 2000);
      wantRefused(await sendTrigger(armed, { stimulusId: context.stimulusIds.next(), sample }), 'too-far-ahead');
    },
  },
  {
    id: 'trigger-stale-id',
    title: 'trigger with a stimulus id that does not rise is refused as `stale-id`',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const unused = context.stimulusIds.next();
      const stimulusId = context.stimulusIds.next();
      wantType(await sendTrigger(armed, { stimulusId }), 'scheduled');
      wantRefused(await sendTrigger(armed, { stimulusId }), 'stale-id');
      wantRefused(await sendTrigger(armed, { stimulusId: unused }), 'stale-id');
    },
  },
  {
    id: 'trigger-queue-full',
    title: 'the queue takes as many stimuli as hello says, and refuses the next as `queue-full`',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { queueLength } = context.stimulation;
      if (queueLength > MAX_QUEUE) throw new CheckSkipped(`the queue holds ${queueLength} stimuli`);
      if (context.profile.maxStimuliPerSession <= queueLength)
        throw new CheckSkipped('the session allows too few stimuli');
      const armed = await context.openArmed();
      const start = await sampleAhead(context, armed.session, 500);
      for (let k = 0; k < queueLength; k++) {
        const stimulus = { stimulusId: context.stimulusIds.next(), sample: start + 10 * k };
        wantReply(await sendTrigger(armed, stimulus), 'scheduled');
      }
      wantEqual('scheduled stimuli', (await armed.session.status()).scheduledStimuli, queueLength);
      const over = { stimulusId: context.stimulusIds.next(), sample: start + 10 * queueLength };
      wantRefused(await sendTrigger(armed, over), 'queue-full');
    },
  },
  {
    id: 'trigger-same-sample',
    title: 'two stimuli cannot share a sample',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const sample = await sampleAhead(context, armed.session, 300);
      wantReply(await sendTrigger(armed, { stimulusId: context.stimulusIds.next(), sample }), 'scheduled');
      wantReply(await sendTrigger(armed, { stimulusId: context.stimulusIds.next(), sample }), 'refused');
    },
  },
  {
    id: 'trigger-configured-anew',
    title: 'configure empties the slots',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { slots } = context.stimulation;
      const session = await context.openConfigured();
      wantType(await session.send({ type: 'upload-pattern', pattern: { slot: slots - 1, pulses: [] } }), 'done');
      const { blockFrames, profile } = context;
      wantReply(await session.send({ type: 'configure', blockFrames, safetyProfile: profile }), 'configured');
      wantType(await session.send({ type: 'start' }), 'done');
      const armed = { session, token: await context.arm(session) };
      const stimulusId = context.stimulusIds.next();
      wantRefused(await sendTrigger(armed, { stimulusId, slot: slots - 1 }), 'empty-slot');
    },
  },
  {
    id: 'trigger-no-rest',
    title: 'rest is refused as `wrong-state` while a stimulus waits',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const sample = await sampleAhead(context, armed.session, 300);
      wantReply(await sendTrigger(armed, { stimulusId: context.stimulusIds.next(), sample }), 'scheduled');
      wantRefused(await armed.session.send({ type: 'rest', durationSamples: 10 }), 'wrong-state');
    },
  },
  {
    id: 'trigger-repeated',
    title: 'a trigger that comes again with the same command id gets the same reply and leaves once',
    section: 'triggers',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      const command = { type: 'trigger', stimulusId, slot: 0, at: { type: 'now' }, token } as const;
      const commandId = session.nextCommandId;
      const first = wantReply(await session.send(command), 'scheduled');
      await session.sleep(20);
      const again = wantReply(await session.send(command, { commandId }), 'scheduled');
      wantEqual('scheduled for sample', again.sample, first.sample);
      await session.sleep(200);
      const fates = fatesOf(session, stimulusId);
      want(fates.length === 1, `${fates.length} messages about the stimulus`, 'one');
    },
  },
];
