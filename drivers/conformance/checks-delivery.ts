import type { BlockMessage, StimulusDelivered } from '../../protocols/mea-link/messages.js';
import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { describeData } from './describe.js';
import type { DeviceSession } from './device-session.js';
import {
  awaitData,
  awaitFate,
  dataOf,
  fatesOf,
  want,
  wantDropped,
  wantEqual,
  wantRefused,
  wantReply,
  wantType,
} from './expectations.js';
import { sampleAhead, sendTrigger, uploadPulses } from './stimuli.js';
import { makePulse } from './test-pulse.js';

/** What becomes of a stimulus that was accepted. Here pulses leave. */
export const DELIVERY_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'deliver-at-sample',
    title: 'a stimulus that was scheduled for a sample leaves at exactly that sample',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { delivered, asked } = await deliverPulse(context, 'sample');
      wantEqual('sample', delivered.sample, asked);
    },
  },
  {
    id: 'deliver-before-block',
    title: 'a stimulus is acknowledged before the block that holds the sample at which it began',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      if (context.capabilities.channels === 0) throw new CheckSkipped('the device has no recording channels');
      const armed = await context.openArmed();
      const { session } = armed;
      const stimulusId = context.stimulusIds.next();
      // The last sample of a block: between it and the block there is no time to lose.
      const sample = await lastSampleOfBlock(context, session);
      wantType(await sendTrigger(armed, { stimulusId, sample }), 'scheduled');
      const delivered = await wantDelivered(session, stimulusId);
      const block = await session.waitFor(() => blockWith(session, delivered.sample), {
        what: `the block that holds sample ${delivered.sample}`,
      });
      const messages = session.data.map(({ message }) => message);
      want(
        messages.indexOf(delivered) < messages.indexOf(block),
        `the block of sample ${delivered.sample} first`,
        'stimulus-delivered first',
      );
    },
  },
  {
    id: 'deliver-electrodes',
    title: 'the acknowledgement names slot and electrodes, rising',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { delivered, slot } = await deliverPulse(context, 'now');
      wantEqual('slot', delivered.slot, slot);
      const electrodes = context.pulse.electrodes.map(({ electrode }) => electrode).sort((a, b) => a - b);
      wantEqual('electrodes', delivered.electrodes.join(), usedElectrodes(context, electrodes).join());
    },
  },
  {
    id: 'deliver-compliance',
    title: 'a pulse within the limits reaches the compliance voltage on no electrode',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { minor } = context.capabilities;
      if (minor < 1) throw new CheckSkipped(`the device speaks 1.${minor}, which has no word for it`);
      const { delivered } = await deliverPulse(context, 'now');
      wantEqual('electrodes at the compliance voltage', delivered.limitedElectrodes?.join() ?? '', '');
    },
  },
  {
    id: 'deliver-now',
    title: 'a stimulus that is due now leaves within 100 ms',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const { nextSample } = await armed.session.status();
      const stimulusId = context.stimulusIds.next();
      const { sample } = wantReply(await sendTrigger(armed, { stimulusId }), 'scheduled');
      want(sample >= nextSample, `scheduled for sample ${sample}`, `${nextSample} or later`);
      const delivered = await wantDelivered(armed.session, stimulusId);
      want(delivered.sample >= nextSample, `sample ${delivered.sample}`, `${nextSample} or later`);
      const latestSample = nextSample + context.toSamples(200);
      want(delivered.sample <= latestSample, `sample ${delivered.sample}`, `at most ${latestSample}`);
    },
  },
  {
    id: 'deliver-empty',
    title: 'an empty pattern is delivered as an acknowledged nothing, at its sample',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      const sample = await sampleAhead(context, armed.session);
      wantType(await sendTrigger(armed, { stimulusId, sample }), 'scheduled');
      const delivered = await wantDelivered(armed.session, stimulusId);
      wantEqual('number of electrodes', delivered.electrodes.length, 0);
      wantEqual('sample', delivered.sample, sample);
    },
  },
  {
    id: 'deliver-newest-id',
    title: 'hello names the stimulus that was accepted last',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      wantType(await sendTrigger(armed, { stimulusId }), 'scheduled');
      const { newestStimulusId } = await armed.session.hello();
      wantEqual('newest stimulus id', newestStimulusId, stimulusId);
    },
  },
  {
    id: 'deliver-in-order',
    title: 'stimuli leave in the order of their samples, whatever the order in which they were scheduled',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      if (context.stimulation.queueLength < 2) throw new CheckSkipped('the queue holds one stimulus only');
      const armed = await context.openArmed();
      const start = await sampleAhead(context, armed.session);
      const [later, sooner] = [context.stimulusIds.next(), context.stimulusIds.next()];
      wantType(await sendTrigger(armed, { stimulusId: later, sample: start + 1000 }), 'scheduled');
      wantType(await sendTrigger(armed, { stimulusId: sooner, sample: start + 500 }), 'scheduled');
      await awaitFate(armed.session, later);
      const order = dataOf(armed.session, 'stimulus-delivered').map(({ stimulusId }) => stimulusId);
      wantEqual('order', order.join(), [sooner, later].join());
    },
  },
  {
    id: 'deliver-once',
    title: 'each stimulus that was accepted ends as exactly one message',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const ids = [1, 2, 3].map(() => context.stimulusIds.next());
      for (const stimulusId of ids) {
        wantType(await sendTrigger(armed, { stimulusId }), 'scheduled');
        await armed.session.sleep(20);
      }
      await armed.session.sleep(150);
      for (const stimulusId of ids) wantEqual('messages', fatesOf(armed.session, stimulusId).length, 1);
    },
  },
  {
    id: 'cancel',
    title: 'a stimulus that is cancelled is dropped as `cancelled` and does not leave',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      const sample = await sampleAhead(context, armed.session, 200);
      wantType(await sendTrigger(armed, { stimulusId, sample }), 'scheduled');
      wantType(await armed.session.send({ type: 'cancel', stimulusId }), 'done');
      await wantDropped(armed.session, stimulusId, 'cancelled');
      await armed.session.sleep(500);
      wantEqual('messages about the stimulus', fatesOf(armed.session, stimulusId).length, 1);
    },
  },
  {
    id: 'cancel-too-late',
    title: 'cancel of a stimulus that has left is refused as `bad-argument`',
    section: 'delivery',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const stimulusId = context.stimulusIds.next();
      wantType(await sendTrigger(armed, { stimulusId }), 'scheduled');
      await wantDelivered(armed.session, stimulusId);
      wantRefused(await armed.session.send({ type: 'cancel', stimulusId }), 'bad-argument');
    },
  },
];

/** The last sample of a block that lies ahead; undefined where the device delivers at once. */
async function lastSampleOfBlock(context: CheckContext, session: DeviceSession): Promise<number | undefined> {
  if (context.stimulation.scheduling !== 'at-sample') return undefined;
  const ahead = await sampleAhead(context, session);
  const block = await awaitData(session, 'block', { after: dataOf(session, 'block').length });
  const frames = context.blockFrames;
  const into = (ahead - block.firstSample) % frames;
  return ahead + frames - 1 - into;
}

function blockWith(session: DeviceSession, sample: number): BlockMessage | undefined {
  return dataOf(session, 'block').find(
    ({ firstSample, frames }) => firstSample <= sample && sample < firstSample + frames,
  );
}

/** One pulse on each of the test electrodes. */
async function deliverPulse(
  context: CheckContext,
  when: 'now' | 'sample',
): Promise<{ readonly delivered: StimulusDelivered; readonly slot: number; readonly asked: number }> {
  const { pulse } = context;
  const armed = await context.openArmed();
  const electrodes = usedElectrodes(
    context,
    pulse.electrodes.map(({ electrode }) => electrode),
  );
  const pulses = electrodes.map((electrode) => makePulse(pulse, electrode));
  const slot = await uploadPulses(context, armed.session, pulses);
  const sample = when === 'sample' ? await sampleAhead(context, armed.session) : undefined;
  const stimulusId = context.stimulusIds.next();
  const reply = wantReply(await sendTrigger(armed, { stimulusId, slot, sample }), 'scheduled');
  if (sample !== undefined) wantEqual('scheduled for sample', reply.sample, sample);
  const delivered = await wantDelivered(armed.session, stimulusId);
  context.pulseTimes.note(context.timers.nowMs());
  return { delivered, slot, asked: sample ?? reply.sample };
}

/** The test electrodes that may be pulsed together. */
function usedElectrodes({ profile }: CheckContext, electrodes: readonly number[]): readonly number[] {
  return electrodes.slice(0, Math.min(2, profile.maxSimultaneous));
}

async function wantDelivered(session: DeviceSession, stimulusId: number): Promise<StimulusDelivered> {
  const fate = await awaitFate(session, stimulusId);
  if (fate.type === 'stimulus-delivered') return fate;
  want(false, describeData(fate), `stimulus-delivered ${stimulusId}`);
}
