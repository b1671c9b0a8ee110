import { sequenceDistance } from '../../protocols/mea-link/sequence.js';
import type { CheckContext } from './check-context.js';
import type { ConformanceCheck } from './conformance-check.js';
import type { DeviceSession } from './device-session.js';
import { awaitData, awaitFate, dataOf, want, wantEqual, wantRefused, wantReply, wantType } from './expectations.js';
import { sampleAhead, sendTrigger } from './stimuli.js';

/** What happens to stimulation when the link goes. */
export const LINK_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'link-lost-disarms',
    title: 'a device whose controller is gone disarms',
    section: 'link',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await context.openArmed();
      const changed = await awaitData(session, 'armed-changed');
      const back = await comeBack(context, session, changed.sequence);
      // By its number: on a line what was under way when the link went comes as well, and some of it twice.
      const { armed, cause } = await back.waitFor(
        () => dataOf(back, 'armed-changed').find(({ sequence }) => sequenceDistance(changed.sequence, sequence) > 0),
        { what: 'armed-changed' },
      );
      // A serial line does not tell that nobody listens any more; the watchdog or the next hello does.
      const isRight = !armed && (cause === 'link-lost' || cause === 'watchdog');
      want(isRight, `${armed ? 'armed' : 'disarmed'} (${cause})`, 'disarmed (link-lost, or watchdog)');
    },
  },
  {
    id: 'link-lost-purges',
    title: 'a stimulus that was waiting when the link went is dropped and does not leave',
    section: 'link',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const armed = await context.openArmed();
      const { sequence } = await awaitData(armed.session, 'armed-changed');
      const stimulusId = context.stimulusIds.next();
      const sample = await sampleAhead(context, armed.session, 300);
      wantType(await sendTrigger(armed, { stimulusId, sample }), 'scheduled');
      const back = await comeBack(context, armed.session, sequence);
      await back.sleep(600);
      const fate = await awaitFate(back, stimulusId);
      wantEqual('fate of the stimulus', fate.type, 'stimulus-dropped');
    },
  },
  {
    id: 'link-not-armed-again',
    title: 'a controller that comes back finds the device disarmed, and its old token without effect',
    section: 'link',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await context.openArmed();
      const { sequence } = await awaitData(session, 'armed-changed');
      const back = await comeBack(context, session, sequence);
      back.startHeartbeats({ token, armedForMs: () => 1000 });
      await back.sleep(context.capabilities.watchdogMs + 50);
      wantEqual('armed', (await back.status()).armed, false);
      const stimulusId = context.stimulusIds.next();
      wantRefused(await sendTrigger({ session: back, token }, { stimulusId }), 'not-armed');
    },
  },
  {
    id: 'link-taken-over',
    title: 'the same controller on a new link takes over at once, and stimulation ends with the old link',
    section: 'link',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await context.openArmed();
      const back = await context.connectBeside(session.clientId);
      back.skipCommandIds(session.nextCommandId + 10);
      wantReply(await back.send(back.helloCommand()), 'hello');
      wantEqual('armed', (await back.status()).armed, false);
    },
  },
  {
    id: 'link-lost-goes-on',
    title: 'acquisition goes on when the link is lost, and what was missed can be had again',
    section: 'link',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const session = await context.openRunning();
      const { sequence, firstSample } = await awaitData(session, 'stream-started');
      await session.sleep(100);
      const { nextSample } = await session.status();
      const back = await comeBack(context, session, sequence);
      await back.sleep(50);
      const status = await back.status();
      wantEqual('state', status.state, 'running');
      want(status.nextSample > nextSample, `next sample ${status.nextSample}`, `more than ${nextSample}`);
      wantEqual('first sample', (await awaitData(back, 'stream-started')).firstSample, firstSample);
      if (context.capabilities.channels === 0) return;
      await back.waitFor(() => (lastSample(back) >= nextSample ? true : undefined), { what: `sample ${nextSample}` });
    },
  },
];

/** Closes the link, opens another as the same controller and asks for the data lane from a number on. */
async function comeBack(context: CheckContext, session: DeviceSession, fromSequence: number): Promise<DeviceSession> {
  await session.close();
  const back = await context.connect(session.clientId);
  back.skipCommandIds(session.nextCommandId);
  const { bootId } = await back.hello();
  wantReply(await back.send({ type: 'resume', bootId, fromSequence }), 'resumed');
  return back;
}

function lastSample(session: DeviceSession): number {
  const last = session.data.findLast(({ message }) => message.type === 'block')?.message;
  return last?.type === 'block' ? last.firstSample + last.frames : -1;
}
