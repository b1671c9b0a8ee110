import type { ArmedChanged } from '../../protocols/mea-link/messages.js';
import type { CheckContext } from './check-context.js';
import type { ConformanceCheck } from './conformance-check.js';
import type { DeviceSession } from './device-session.js';
import { awaitData, dataOf, want, wantDropped, wantEqual, wantType } from './expectations.js';
import { assertSchedules, sendTrigger } from './stimuli.js';

/** How much later than promised the device may disarm, on its own clock. */
const LATE_MS = 25;
/** How much sooner, as a share. */
const EARLY_SHARE = 0.05;

/** The dead man's switch, measured on the device's own sample counter. */
export const WATCHDOG_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'watchdog-silence',
    title: 'without heartbeats the device disarms when its watchdog time is over',
    section: 'watchdog',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await armSilently(context);
      const { watchdogMs } = context.capabilities;
      const disarmed = await awaitDisarmed(context, session);
      wantEqual('cause', disarmed.cause, 'watchdog');
      wantTime(armedMs(context, session), watchdogMs);
    },
  },
  {
    id: 'watchdog-purges',
    title: 'the watchdog purges the queue: what was scheduled is dropped as `disarmed`',
    section: 'watchdog',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const dueMs = context.capabilities.watchdogMs + 300;
      assertSchedules(context, dueMs);
      const { session, token } = await armSilently(context);
      const sample = (await session.status()).nextSample + context.toSamples(dueMs);
      const stimulusId = context.stimulusIds.next();
      wantType(await sendTrigger({ session, token }, { stimulusId, sample }), 'scheduled');
      await wantDropped(session, stimulusId, 'disarmed');
      await session.sleep(500);
      const delivered = dataOf(session, 'stimulus-delivered').length;
      wantEqual('stimuli delivered', delivered, 0);
    },
  },
  {
    id: 'watchdog-other-token',
    title: 'heartbeats with another token do not keep the device armed',
    section: 'watchdog',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await armSilently(context);
      session.startHeartbeats({ token: token.map((byte) => byte ^ 0xff), armedForMs: () => 1000 });
      wantEqual('cause', (await awaitDisarmed(context, session)).cause, 'watchdog');
      wantTime(armedMs(context, session), context.capabilities.watchdogMs);
    },
  },
  {
    id: 'watchdog-fed',
    title: 'heartbeats with the right token keep it armed for as long as they come',
    section: 'watchdog',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session } = await context.openArmed();
      await session.sleep(5 * context.capabilities.watchdogMs);
      wantEqual('armed', (await session.status()).armed, true);
      wantEqual('changes of arming', dataOf(session, 'armed-changed').length, 1);
    },
  },
  {
    id: 'watchdog-armed-time',
    title: 'the armed time that a heartbeat names ends it although heartbeats come',
    section: 'watchdog',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      const { session, token } = await armSilently(context);
      const wantedMs = 3 * context.capabilities.watchdogMs;
      const endMs = context.timers.nowMs() + wantedMs;
      session.startHeartbeats({ token, armedForMs: () => Math.max(0, Math.round(endMs - context.timers.nowMs())) });
      wantEqual('cause', (await awaitDisarmed(context, session)).cause, 'armed-time');
      // The host's clock and the link are in this one.
      const tookMs = armedMs(context, session);
      want(Math.abs(tookMs - wantedMs) <= 60, `armed for ${tookMs.toFixed(1)} ms`, `${wantedMs} ms`);
    },
  },
];

/** Armed, acquiring, without heartbeats; slot 0 holds the empty pattern. */
async function armSilently(context: CheckContext): Promise<{ session: DeviceSession; token: Uint8Array }> {
  context.assertStimulates();
  const session = await context.openRunning();
  wantType(await session.send({ type: 'upload-pattern', pattern: { slot: 0, pulses: [] } }), 'done');
  return { session, token: await context.arm(session) };
}

function awaitDisarmed(context: CheckContext, session: DeviceSession): Promise<ArmedChanged> {
  const deadlineMs = 4 * context.capabilities.watchdogMs + 1000;
  return awaitData(session, 'armed-changed', { after: 1, deadlineMs, what: 'the device to disarm itself' });
}

/** Time from armed to disarmed on the device's sample counter. */
function armedMs(context: CheckContext, session: DeviceSession): number {
  const [armed, disarmed] = dataOf(session, 'armed-changed');
  const samples = (disarmed?.atSample ?? Number.NaN) - (armed?.atSample ?? Number.NaN);
  return (1000 * samples) / context.capabilities.sampleRateHz;
}

function wantTime(tookMs: number, promisedMs: number): void {
  const isRight = tookMs >= promisedMs * (1 - EARLY_SHARE) && tookMs <= promisedMs + LATE_MS;
  want(isRight, `armed for ${tookMs.toFixed(1)} ms`, `${promisedMs} ms, at most ${LATE_MS} ms more`);
}
