import type { Observable } from 'rxjs';
import { MeaError } from '../../protocols/errors.js';
import type {
  Capabilities,
  DeviceHeartbeat,
  DeviceState,
  Impedance,
  Refusal,
  StatusResult,
} from '../../protocols/mea-link/messages.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import type { CheckedPattern, CheckedStimCommand } from '../../protocols/stimulation/gate.js';
import type { Timers } from '../../protocols/timers.js';
import type { Hertz } from '../../protocols/units.js';
import { AcquisitionEnd, type AcquisitionEndResult } from './acquisition-end.js';
import { waitWithin } from './bounded-wait.js';
import { toError } from './command-channel.js';
import type { DeviceConnection, DriverCounters } from './device-connection.js';
import type { DeviceEvent } from './device-event.js';
import type { DriverOptions } from './driver-options.js';
import { expectReply } from './reply-checks.js';
import type { Configured, DeviceConfiguration, RigDevice } from '../rig-device.js';
import { StimulationControl, type ArmRequest, type Scheduled } from './stimulation-control.js';

/** Shares of the time for closing: stimulation, acquisition, link. */
const CLOSE_SHARES = { stimulation: 0.3, acquisition: 0.5, link: 0.2 } as const;

/** The driver's one implementation of a device. */
export class MeaLinkDriver implements RigDevice {
  readonly #connection: DeviceConnection;
  readonly #timers: Timers;
  readonly #driver: DriverOptions;
  readonly #stimulation: StimulationControl;
  readonly #end: AcquisitionEnd;
  #isStarted = false;
  #closed: Promise<void> | undefined;

  constructor(connection: DeviceConnection, options: { readonly timers: Timers; readonly driver: DriverOptions }) {
    this.#connection = connection;
    this.#timers = options.timers;
    this.#driver = options.driver;
    this.#stimulation = new StimulationControl(connection, options.driver);
    this.#end = new AcquisitionEnd();
    connection.listen({
      onEvent: (event) => {
        this.#onEvent(event);
      },
      onDeviceHeartbeat: (heartbeat) => {
        this.#onDeviceHeartbeat(heartbeat);
      },
    });
  }

  get capabilities(): Capabilities {
    return this.#connection.capabilities;
  }

  get bootId(): number {
    return this.#connection.bootId;
  }

  get newestStimulusId(): number {
    return this.#connection.newestStimulusId;
  }

  get events$(): Observable<DeviceEvent> {
    return this.#connection.events$;
  }

  get counters(): DriverCounters {
    return this.#connection.counters;
  }

  get isConnected(): boolean {
    return this.#connection.isUp;
  }

  get isArmed(): boolean {
    return this.#stimulation.isArmed;
  }

  get state(): DeviceState | undefined {
    return this.#connection.state;
  }

  async configure({ blockFrames, safetyProfile }: DeviceConfiguration, signal?: AbortSignal): Promise<Configured> {
    const wanted = hashSafetyProfile(safetyProfile);
    this.#stimulation.forget();
    this.#stimulation.forgetSlots();
    const reply = await this.#connection.request({ type: 'configure', blockFrames, safetyProfile }, { signal });
    const configured = expectReply('configure', reply, 'configured');
    if (!wanted.every((byte, i) => byte === configured.profileHash[i]) || configured.profileHash.length !== 32) {
      throw new MeaError('refused', {
        what: 'The device holds another safety profile than it was sent',
        got: toHex(configured.profileHash),
        wanted: toHex(wanted),
        remedy: 'do not arm it; controller and device may be of different versions',
      });
    }
    return { blockFrames: configured.blockFrames, profileHash: configured.profileHash };
  }

  async start(signal?: AbortSignal): Promise<void> {
    // Before the answer: after a deadline nobody knows, and closing must stop it then.
    this.#isStarted = true;
    const reply = await this.#connection.request({ type: 'start' }, { signal });
    if (reply.type === 'refused') this.#isStarted = false;
    expectReply('start', reply, 'done');
  }

  stop(signal?: AbortSignal): Promise<AcquisitionEndResult> {
    const { longDeadlineMs } = this.#driver;
    return this.#stop((options) => this.#connection.request({ type: 'stop' }, { ...options, signal }), {
      delayMs: longDeadlineMs,
      signal,
    });
  }

  async rest(durationSamples: number, signal?: AbortSignal): Promise<void> {
    expectReply('rest', await this.#connection.request({ type: 'rest', durationSamples }, { signal }), 'done');
  }

  reportProgress(): void {
    this.#connection.heartbeats.reportProgress();
  }

  arm(request: ArmRequest, signal?: AbortSignal): Promise<void> {
    return this.#stimulation.arm(request, signal);
  }

  disarm(): Promise<void> {
    return this.#stimulation.disarm();
  }

  abort(): Promise<void> {
    return this.#stimulation.abort();
  }

  upload(pattern: CheckedPattern, signal?: AbortSignal): Promise<void> {
    return this.#stimulation.upload(pattern, signal);
  }

  stimulate(command: CheckedStimCommand, signal?: AbortSignal): Promise<Scheduled | Refusal> {
    return this.#stimulation.stimulate(command, signal);
  }

  cancel(stimulusId: number, signal?: AbortSignal): Promise<{ readonly type: 'done' } | Refusal> {
    return this.#stimulation.cancel(stimulusId, signal);
  }

  async measureImpedance(
    { electrodes, frequencyHz }: { readonly electrodes: readonly number[]; readonly frequencyHz: Hertz },
    signal?: AbortSignal,
  ): Promise<readonly Impedance[]> {
    const reply = await this.#connection.request(
      { type: 'measure-impedance', electrodes, frequencyHz },
      { signal, deadlineMs: this.#driver.longDeadlineMs },
    );
    return expectReply('measure-impedance', reply, 'impedances').values;
  }

  async status(signal?: AbortSignal): Promise<StatusResult> {
    return expectReply('status', await this.#connection.request({ type: 'status' }, { signal }), 'status');
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  // ---- the end ---------------------------------------------------------------------------------------------------------

  /** Never rejects: what goes wrong on the way out is told as an event, and the way out goes on. */
  async #close(): Promise<void> {
    const { closeMs } = this.#driver;
    this.#stimulation.forget();
    this.#connection.beginClose();
    if (this.#connection.isUp && this.capabilities.stimulation !== null) {
      await this.#lastStep('ending stimulation', () => this.#abortLast(closeMs * CLOSE_SHARES.stimulation));
    }
    if (this.#connection.isUp && (this.#isStarted || this.state === 'running')) {
      await this.#lastStep('stopping the acquisition', () => this.#stopLast(closeMs * CLOSE_SHARES.acquisition));
    }
    this.#end.fail(new MeaError('link', { what: 'The driver was closed' }));
    await this.#connection.close(closeMs * CLOSE_SHARES.link);
  }

  async #lastStep(name: string, step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#connection.emit({ type: 'driver-warning', message: `While ${name}: ${toError(error).message}` });
    }
  }

  async #abortLast(delayMs: number): Promise<void> {
    const options = { urgent: true, retryMs: this.#driver.abortRetryMs, deadlineMs: delayMs };
    expectReply('abort', await this.#connection.requestLast({ type: 'abort' }, options), 'done');
  }

  async #stopLast(delayMs: number): Promise<void> {
    await this.#stop((options) => this.#connection.requestLast({ type: 'stop' }, options), { delayMs });
  }

  /** Sends `stop` and waits for the tail. */
  #stop(
    send: (options: StopRequest) => ReturnType<DeviceConnection['request']>,
    { delayMs, signal }: { readonly delayMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<AcquisitionEndResult> {
    // Expected before it is asked for: the end may come before the answer.
    const ended = this.#end.expect();
    // It may fail while the answer is waited for; it is awaited after that.
    ended.catch(() => undefined);
    const stopped = async (): Promise<AcquisitionEndResult> => {
      try {
        expectReply('stop', await send({ deadlineMs: delayMs, survivesLinkLoss: true }), 'done');
      } catch (error) {
        this.#end.fail(toError(error));
      }
      const result = await ended;
      this.#isStarted = false;
      return result;
    };
    const where = this.capabilities.device;
    return waitWithin(stopped(), { timers: this.#timers, delayMs, what: 'The tail of the data', where, signal });
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------------

  #onEvent(event: DeviceEvent): void {
    this.#stimulation.onEvent(event);
    if (event.type === 'stream-ended') {
      this.#isStarted = false;
      this.#end.resolve({ type: 'ended', ended: event });
    } else if (event.type === 'device-restarted') {
      this.#isStarted = false;
      this.#end.resolve({ type: 'gapped' });
    } else if (event.type === 'link-failed') this.#end.fail(new MeaError('link', { what: event.message }));
    else if (event.type === 'gap') this.#end.noteGap();
  }

  #onDeviceHeartbeat(heartbeat: DeviceHeartbeat): void {
    this.#stimulation.onDeviceHeartbeat(heartbeat);
    const isOver = heartbeat.state !== 'running' && !this.#connection.isIncomplete;
    if (isOver && this.#end.sawGap) this.#end.resolve({ type: 'gapped' });
  }
}

interface StopRequest {
  readonly deadlineMs: number;
  readonly survivesLinkLoss: true;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
