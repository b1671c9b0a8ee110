import { setTimeout as sleep } from 'node:timers/promises';

import type { ControllerProcess } from './controller-process.js';
import type { ServedDevice } from './served-device.js';
import { waitUntil } from './wait-until.js';

/** 600 ms of a device at 20 kHz: all that an armed controller had scheduled would have started by then. */
export const AFTERWARDS_TICKS = 12_000;
/** So many that they would not all start before a watchdog of 100 ms strikes. */
const SCHEDULED = 8;
/** How long a controller is armed again and again before a machine counts as too slow for it. */
const ARMING_MS = 60_000;
/** Before the next attempt where one failed: the driver may have to hear of the last disarming first. */
const ARM_AGAIN_MS = 100;

/** The device disarmed. */
export interface Disarming {
  /** Index among the device's acts. */
  readonly act: number;
  readonly atMs: number;
  readonly cause: string;
}

/** What a killed controller came to. */
export interface KillOutcome extends Disarming {
  /** From the signal to the device's being disarmed. */
  readonly offMs: number;
  /** Stimuli that were scheduled and did not start. */
  readonly dropped: number;
}

/** A device and the controller that has armed it. */
export interface ArmedPair {
  readonly served: ServedDevice;
  readonly controller: ControllerProcess;
}

/**
 * Waits until stimuli leave, from act `from` on, and more are scheduled ahead. On a machine that has no time for it the
 * dead-man switch may trip meanwhile, as it should; then the controller is told to arm again.
 */
export async function untilStimulating({ served, controller }: ArmedPair, from: number): Promise<void> {
  const { device, acts } = served;
  const isStimulating = (): boolean =>
    device.firmware.scheduledStimuli >= SCHEDULED &&
    acts.slice(from).some(({ message }) => message.type === 'stimulus-delivered');
  const describe = (): string =>
    `${device.firmware.scheduledStimuli} stimuli are scheduled; done: ${acts.map(({ message }) => message.type).join(' ')}`;
  const endMs = performance.now() + ARMING_MS;
  for (;;) {
    await waitUntil(() => isStimulating() || !device.firmware.armed, describe);
    if (isStimulating()) return;
    if (performance.now() > endMs) {
      throw new Error(`not armed in ${ARMING_MS} ms: ${describe()}; told: ${controller.told.slice(-8).join(' ')}`);
    }
    const told = controller.told.length;
    controller.obey('arm');
    await controller.untilTold(/arm-done|arm-failed/, told);
    if (!device.firmware.armed) await sleep(ARM_AGAIN_MS);
  }
}

/** Waits for the first act from index `from` on that disarms the device. */
export async function disarmingAfter({ acts }: ServedDevice, from: number): Promise<Disarming> {
  const find = (): number => acts.findIndex(({ message }, index) => index >= from && isDisarming(message));
  await waitUntil(
    () => find() >= 0,
    () => 'the device has not disarmed',
  );
  const act = find();
  const { message, atMs } = acts[act]!;
  return { act, atMs, cause: message.type === 'armed-changed' ? message.cause : '' };
}

/** Kills an armed controller after a delay, or stops it, and waits for the device to disarm. */
export async function killController(
  pair: ArmedPair,
  options: { readonly delayMs: number; readonly signal?: 'SIGKILL' | 'SIGSTOP' },
): Promise<KillOutcome> {
  const { served, controller } = pair;
  const { delayMs, signal = 'SIGKILL' } = options;
  await sleep(delayMs);
  await untilStimulating(pair, 0);
  const from = served.acts.length;
  const killedMs = performance.now();
  controller.signal(signal);
  const off = await disarmingAfter(served, from);
  // The queue is emptied before the word is given.
  const dropped = served.acts.slice(from, off.act).filter(({ message }) => message.type === 'stimulus-dropped').length;
  return { ...off, offMs: off.atMs - killedMs, dropped };
}

/** Ids of the stimuli that started after an act. */
export function startsAfter({ acts }: ServedDevice, act: number): readonly number[] {
  return acts
    .slice(act + 1)
    .flatMap(({ message }) => (message.type === 'stimulus-delivered' ? [message.stimulusId] : []));
}

/** Lets so many ticks of the device's clock pass. */
export async function untilTicks({ device }: ServedDevice, ticks: number): Promise<void> {
  const end = device.firmware.tick + ticks;
  await waitUntil(
    () => device.firmware.tick >= end,
    () => `tick ${device.firmware.tick} of ${end}`,
  );
}

function isDisarming(message: ServedDevice['acts'][number]['message']): boolean {
  return message.type === 'armed-changed' && !message.armed;
}
