import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { MeaError } from '../../protocols/errors.js';
import type { Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import { assertMessageSize } from '../../protocols/mea-link/link-options.js';
import { copyMessage } from '../../protocols/mea-link/message-copy.js';
import type { Lane } from '../../protocols/mea-link/messages.js';
import { createEmulatedRig } from '../rig/create-emulated-rig.js';
import { createFifoMemory, SharedFifo, type FifoRecord } from './shared-fifo.js';
import { FROM_DEVICE, TO_DEVICE, type DeviceThreadData } from './thread-messages.js';

/** Which device, and the compiled program of its thread where it does not lie beside this module. */
export interface ThreadedDeviceOptions extends Omit<DeviceThreadData, 'toDevice' | 'fromDevice'> {
  readonly program?: URL | undefined;
}

/** Bytes under way to the device, and from it: more than it sends in the steps that it may be ahead. */
const TO_DEVICE_BYTES = 1 << 18;
const FROM_DEVICE_BYTES = 1 << 20;
/** A step takes well below a millisecond: a thread that is silent for so long has ended. */
const MAX_SILENCE_MS = 60_000;
/**
 * So much the device may be ahead of this thread, in ms. Heartbeats reach it that much later: that must stay well within its
 * watchdog (`WATCHDOG_MS` of the thread), the time for which a heartbeat keeps it armed, and that which a driver gives an abort
 * when it closes.
 */
const MAX_AHEAD_MS = 240;
const ADDRESS = 'memory:';

/**
 * Starts the thread of an emulated device. Close it before the process ends.
 *
 * @throws MeaError `bad-input` for settings that cannot be
 */
export async function startThreadedDevice({ program, ...options }: ThreadedDeviceOptions): Promise<ThreadedDevice> {
  // What cannot be is refused here, where the error can say so: an error of a thread arrives as text.
  createEmulatedRig(options);
  const data: DeviceThreadData = {
    ...options,
    toDevice: createFifoMemory(TO_DEVICE_BYTES),
    fromDevice: createFifoMemory(FROM_DEVICE_BYTES),
  };
  const worker = new Worker(program ?? compiledProgram(), { workerData: data });
  await once(worker, 'message');
  // A program that fails may end without having closed it.
  worker.unref();
  return new ThreadedDevice(worker, data);
}

/** The thread's program: beside this module, or, where that runs from its source, among what was built. */
function compiledProgram(): URL {
  const beside = new URL('./device-thread.js', import.meta.url);
  return existsSync(beside) ? beside : new URL('../../dist/sim-device/thread/device-thread.js', import.meta.url);
}

/**
 * An emulated device whose time goes on in steps, in a thread of its own: it works on the next steps while this thread looks
 * at the last one, as far as it has been said that it may be ahead. What each side does, and at which
 * sample, depends on the steps alone and not on how fast the threads are; where the device may not be ahead it is the same
 * as with a device in this thread.
 */
export class ThreadedDevice {
  readonly sampleRateHz: number;
  readonly transport: Transport;
  readonly maxAheadMs = MAX_AHEAD_MS;
  readonly #worker: Worker;
  readonly #toDevice: SharedFifo;
  readonly #fromDevice: SharedFifo;
  #handler: LinkHandler | undefined;
  #outbox: { readonly lane: Lane; readonly message: Uint8Array }[] = [];
  #inbox: { readonly lane: Lane; readonly message: Uint8Array }[] = [];
  #isDelivering = false;
  #ticks = 0;
  /** Steps that the device was told to make, and those of them whose outcome is here. */
  #granted = 0;
  #seen = 0;
  /** The device's next sample when it was last heard. */
  #nextSample = 0;
  #isEnded = false;
  /** What the thread failed with: nothing more comes of it. */
  #failed: MeaError | undefined;

  constructor(worker: Worker, { sampleRateHz, toDevice, fromDevice }: DeviceThreadData) {
    this.sampleRateHz = sampleRateHz;
    this.#worker = worker;
    this.#toDevice = new SharedFifo(toDevice, MAX_SILENCE_MS);
    this.#fromDevice = new SharedFifo(fromDevice, MAX_SILENCE_MS);
    this.transport = { address: ADDRESS, connect: (handler, signal) => this.#connect(handler, signal) };
  }

  /**
   * Lets so many ticks pass.
   *
   * @param aheadUntil the device's sample up to which it may work ahead of this thread: what is asked of it meanwhile it
   * hears where it has got to; where it is left out it does no step more than this one
   * @throws MeaError `internal` or `deadline` when the thread has failed
   */
  advance(ticks: number, aheadUntil?: number): void {
    if (this.#failed !== undefined) throw this.#failed;
    if (ticks !== this.#ticks) this.#toDevice.write(TO_DEVICE.ticks, ticks);
    this.#ticks = ticks;
    const wanted = aheadUntil === undefined ? 0 : Math.ceil((aheadUntil - this.#nextSample) / ticks);
    const steps = Math.max(1, Math.min(wanted, 1 + Math.floor((MAX_AHEAD_MS * this.sampleRateHz) / 1000 / ticks)));
    // Several at once: to wake a thread takes longer than a step.
    if (this.#granted - this.#seen <= (steps * 3) / 4) {
      this.#toDevice.write(TO_DEVICE.run, this.#seen + steps - this.#granted);
      this.#toDevice.flush();
      this.#granted = this.#seen + steps;
    }
    this.#readUntil(FROM_DEVICE.stepped);
    this.#seen += 1;
  }

  /** Stimulation off, links closed, thread ended. */
  async close(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#worker.ref();
    if (this.#failed !== undefined) {
      await this.#worker.terminate();
      return;
    }
    const exited = once(this.#worker, 'exit');
    this.#toDevice.write(TO_DEVICE.end);
    this.#toDevice.flush();
    // What it was told to do before, it does before.
    for (; this.#seen < this.#granted; this.#seen++) this.#readUntil(FROM_DEVICE.stepped);
    this.#readUntil(FROM_DEVICE.ended);
    await exited;
  }

  async #connect(handler: LinkHandler, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    await Promise.resolve();
    signal.throwIfAborted();
    this.#toDevice.write(TO_DEVICE.open);
    this.#handler = handler;
    let isOpen = true;
    return {
      address: ADDRESS,
      pendingBytes: 0,
      send: (lane, message) => {
        assertMessageSize(message, ADDRESS);
        if (isOpen) this.#send(lane, message.slice());
        return isOpen;
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        // What was taken arrives yet.
        await Promise.resolve();
        this.#handler = undefined;
        this.#toDevice.write(TO_DEVICE.closeLink);
        this.#toDevice.flush();
      },
    };
  }

  /** As on any link a message is under way for a moment: a step that is begun in this one comes before it. */
  #send(lane: Lane, message: Uint8Array): void {
    this.#outbox.push({ lane, message });
    if (this.#outbox.length > 1) return;
    queueMicrotask(() => {
      for (const { lane: on, message: bytes } of this.#outbox) {
        this.#toDevice.write(on === 'control' ? TO_DEVICE.control : TO_DEVICE.data, 0, bytes);
      }
      this.#outbox = [];
      // A device that is ahead answers in the step that it has got to.
      if (this.#granted > this.#seen) return;
      this.#toDevice.write(TO_DEVICE.sync);
      this.#toDevice.flush();
      this.#readUntil(FROM_DEVICE.synced);
    });
  }

  /** Takes what the device sent before a record of this type, and that, whose value is the device's next sample. */
  #readUntil(type: number): void {
    for (;;) {
      const record = this.#fromDevice.read();
      if (record.type === type) {
        this.#nextSample = record.value;
        return;
      }
      if (record.type === FROM_DEVICE.control) this.#deliver('control', copyMessage(record.payload));
      else if (record.type === FROM_DEVICE.data) this.#deliver('data', copyMessage(record.payload));
      else if (record.type === FROM_DEVICE.linkClosed) this.#handler?.onClosed('the other side closed the connection');
      else throw (this.#failed = this.#failure(record));
    }
  }

  #deliver(lane: Lane, message: Uint8Array): void {
    this.#inbox.push({ lane, message });
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    queueMicrotask(() => {
      this.#isDelivering = false;
      const parcels = this.#inbox;
      this.#inbox = [];
      for (const parcel of parcels) this.#handler?.onMessage(parcel.lane, parcel.message);
    });
  }

  #failure({ type, payload }: FifoRecord): MeaError {
    return new MeaError('internal', {
      what: 'The thread of the emulated device has failed',
      got: type === FROM_DEVICE.failed ? new TextDecoder().decode(payload.slice()) : `a record of type ${type}`,
    });
  }
}
