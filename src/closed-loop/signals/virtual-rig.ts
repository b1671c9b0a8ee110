import { Subject } from 'rxjs';
import { DEFAULT_DRIVER_OPTIONS } from '../../../drivers/mea-link/driver-options.js';
import { connectMeaLink } from '../../../drivers/mea-link/connect-mea-link.js';
import { MeaError } from '../../../protocols/errors.js';
import type { RigDevice } from '../../../drivers/rig-device.js';
import type { Transport } from '../../../protocols/mea-link/link.js';
import type { RigEvent } from '../../pipeline/events/rig-event.js';
import { RigLoop } from '../../pipeline/worker/rig-loop.js';
import type { RigLoopSettings } from '../../pipeline/worker/rig-settings.js';
import { createVirtualTimers, type VirtualTimers } from '../../../protocols/virtual-timers.js';
import type { SignalRig, VirtualTiming } from './signal-rig.js';

/** A rig in virtual time. */
export type VirtualRig = SignalRig & Required<Pick<SignalRig, 'passTime'>>;

/** A device whose time goes on only when it is told to. */
export interface SteppedDevice {
  readonly transport: Transport;
  readonly sampleRateHz: number;
  /**
   * Lets so many ticks of the sample clock pass.
   *
   * @param aheadUntil sample up to which it may already work on what comes then
   */
  advance(ticks: number, aheadUntil?: number): void;
  /** So much it may get ahead; not at all where it is left out. */
  readonly maxAheadMs?: number;
}

/** Device time between two looks at what is waited for, in ms: shorter than a device's watchdog by far. */
const STEP_MS = 10;
/** A promise that is not settled after so much device time never will be. */
const MAX_WAIT_MS = 3_600_000;

/**
 * Connects to a device and runs pipeline and gate in this thread. Its time and the driver's are virtual and go on
 * together in steps: as fast as the machine can, and the same on every run.
 *
 * @throws MeaError as `connectMeaLink` and `RigLoop`
 */
export async function openVirtualRig(device: SteppedDevice, settings: RigLoopSettings): Promise<VirtualRig> {
  const timers = createVirtualTimers();
  const ticks = Math.round((STEP_MS * device.sampleRateHz) / 1000);
  const passTime = async <T>(promise: Promise<T>, { onStep, aheadUntil }: PassOptions = {}): Promise<T> => {
    const settled = { is: false };
    const settle = (): void => {
      settled.is = true;
    };
    promise.then(settle, settle);
    for (let passedMs = 0; !isSettled(settled); passedMs += STEP_MS) {
      if (passedMs > MAX_WAIT_MS) {
        throw new MeaError('deadline', { what: 'Nothing came of a request to the device', got: `${passedMs} ms` });
      }
      // What is asked is not yet on its way in the first step.
      device.advance(ticks, passedMs === 0 ? undefined : aheadUntil);
      onStep?.();
      await timers.advanceAsync(STEP_MS);
    }
    return promise;
  };
  const { maxAheadMs = 0 } = device;
  // A device that is ahead answers so much later: that is no reason to ask again.
  const options = { retryMs: DEFAULT_DRIVER_OPTIONS.retryMs + maxAheadMs, ...settings.driver };
  const link = await passTime(
    connectMeaLink(
      { transport: device.transport, timers, client: 'meactl run', options },
      new AbortController().signal,
    ),
  );
  return createVirtualRig(link, { timers, settings, passTime });
}

/** What happens while time passes. */
export interface PassOptions extends VirtualTiming {
  readonly onStep?: (() => void) | undefined;
}

/** How a rig is put into virtual time. */
export interface VirtualRigOptions {
  /** Those of the device's driver. */
  readonly timers: VirtualTimers;
  readonly settings: RigLoopSettings;
  /** Lets the device's time and that of the timers go on together until a promise is settled. */
  readonly passTime: <T>(promise: Promise<T>, options?: PassOptions) => Promise<T>;
}

/**
 * Pipeline and gate in this thread, on a device whose time goes on only when it is told to.
 *
 * @throws MeaError as `RigLoop`; the device is closed then
 */
export async function createVirtualRig(
  link: RigDevice,
  { timers, settings, passTime }: VirtualRigOptions,
): Promise<VirtualRig> {
  const events$ = new Subject<RigEvent>();
  const createLoop = (): RigLoop =>
    new RigLoop({
      device: link,
      timers,
      settings,
      onEvent: (event) => {
        events$.next(event);
      },
      onFailure: (error) => {
        events$.error(error);
      },
    });
  let loop: RigLoop;
  try {
    loop = createLoop();
  } catch (error) {
    await passTime(link.close()).catch(() => undefined);
    throw error;
  }
  const onStep = (): void => {
    link.reportProgress();
  };
  // A rule asks when it likes: what it asks of a device that is ahead would be late.
  const mayBeAhead = (settings.rules ?? []).length === 0;
  const inTime = <T>(promise: Promise<T>, timing?: VirtualTiming): Promise<T> =>
    passTime(promise, { ...(mayBeAhead && timing), onStep });
  return {
    capabilities: link.capabilities,
    ruleSlots: (settings.rules ?? []).map(({ pattern }) => pattern.slot),
    events$,
    configure: (configuration) => inTime(loop.configure(configuration)),
    arm: (request) => inTime(loop.arm(request)),
    start: () => inTime(loop.start()),
    stop: () => inTime(loop.stop()),
    rest: (durationSamples) => inTime(link.rest(durationSamples)),
    upload: (pattern, signal, timing) => inTime(loop.upload(pattern, signal), timing),
    schedule: ({ label, ...wish }, signal, timing) => {
      const origin = { type: 'request', ...(label !== undefined && { label }) } as const;
      return inTime(loop.schedule({ ...wish, origin }, signal), timing);
    },
    abort: () => inTime(link.abort()),
    reportProgress: () => {
      link.reportProgress();
    },
    close: () => inTime(loop.close()),
    passTime: inTime,
  };
}

function isSettled({ is }: { readonly is: boolean }): boolean {
  return is;
}
