import { encodeDeviceMessage, decodeHostMessage } from '../../protocols/mea-link/codec.js';
import { updateCrc32c } from '../../protocols/mea-link/crc32c.js';
import type { Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import type {
  ArmingCause,
  Capabilities,
  Command,
  DataMessage,
  DeviceMessage,
  DeviceState,
  HostHeartbeat,
  Lane,
  Reply,
  ReplyResult,
  DeviceHeartbeat,
} from '../../protocols/mea-link/messages.js';
import { sequenceDistance } from '../../protocols/mea-link/sequence.js';
import { hashSafetyProfile } from '../../protocols/mea-link/safety-profile-hash.js';
import { MeaError } from '../../protocols/errors.js';
import { hertz, sampleIndex } from '../../protocols/units.js';
import type { VirtualTimers } from './virtual-timers.js';

type WithoutSequence<T> = T extends unknown ? Omit<T, 'sequence'> : never;

/** A message of the data lane before it has its number. */
export type ScriptedData = WithoutSequence<DataMessage>;

/** What a scripted device is made with. */
export interface ScriptedDeviceOptions {
  readonly timers: VirtualTimers;
  readonly capabilities?: Partial<Capabilities>;
  /** Sequence of the first message of the data lane. */
  readonly startSequence?: number;
}

const LATENCY_MS = 1;
const CHANNELS = 2;

/** What a scripted device can, unless told otherwise: two channels, two stimulation outputs. */
export const SCRIPTED_CAPABILITIES: Capabilities = {
  device: 'scripted',
  serialNumber: 'S-1',
  firmware: '0',
  major: 1,
  minor: 0,
  emulated: true,
  channels: CHANNELS,
  sampleRateHz: hertz(20_000),
  gainUvPerBit: 0.2,
  maxBlockFrames: 100,
  stimulation: {
    electrodes: [0, 1],
    currentStepUa: 0.1,
    maxCurrentUa: 50,
    timeStepUs: 10,
    maxPhases: 3,
    slots: 4,
    queueLength: 16,
    scheduling: 'at-sample',
    delivery: 'acknowledged',
    maxAheadMs: 1000,
  },
  watchdogMs: 100,
  heartbeatMs: 20,
  ringMs: 5000,
  canMeasureImpedance: true,
};

/**
 * The plainest device that speaks MEA-Link, for tests of the driver: it does what it is told, and every reply, message
 * and link can be withheld. Both ways take one millisecond of virtual time. It knows nothing of the emulator.
 */
export class ScriptedDevice implements Transport {
  readonly address = 'scripted:';
  readonly commands: { readonly id: number; readonly command: Command; readonly atMs: number }[] = [];
  readonly heartbeats: (HostHeartbeat & { readonly atMs: number })[] = [];
  /** Replies with what this returns; `silent` for no reply, undefined for what the device would do. */
  script: (command: Command) => ReplyResult | 'silent' | undefined = () => undefined;
  /** How often a message of the data lane is sent: 0 loses it, 2 doubles it. */
  copies: (message: DataMessage) => number = () => 1;
  /** Nothing comes out and nothing goes in, and nobody is told. */
  isHalfOpen = false;
  /** Links are refused. */
  isUnreachable = false;
  /** `send` of the host's link returns false. */
  isFull = false;
  /** Heartbeats of the device are not sent. */
  isQuiet = false;
  closedLinks = 0;
  connects = 0;
  bootId = 7;
  state: DeviceState = 'idle';
  nextSample = 0;
  capabilities: Capabilities;
  armedWith: Uint8Array | undefined;
  oldest: number;
  readonly slots = new Map<number, unknown>();
  readonly #timers: VirtualTimers;
  readonly #answered = new Map<number, ReplyResult>();
  #ring: DataMessage[] = [];
  #ringStart: number;
  #handler: LinkHandler | undefined;
  #controlSequence = 0;
  /** False while the host has not said where the lane goes on. */
  #isLaneOpen = false;
  #clientId = '';
  #blocks = 0;
  #frames = 0;
  #crc = 0;
  #beating = false;

  constructor(options: ScriptedDeviceOptions) {
    this.#timers = options.timers;
    this.capabilities = { ...SCRIPTED_CAPABILITIES, ...options.capabilities };
    this.#ringStart = options.startSequence ?? 0;
    this.oldest = this.#ringStart;
  }

  /** Full sequence of the next message of the data lane. */
  get next(): number {
    return this.#ringStart + this.#ring.length;
  }

  get isLinked(): boolean {
    return this.#handler !== undefined;
  }

  connect(handler: LinkHandler, signal: AbortSignal): Promise<Link> {
    signal.throwIfAborted();
    this.connects += 1;
    if (this.isUnreachable) return Promise.reject(new MeaError('link', { what: 'Nobody listens' }));
    this.#handler = handler;
    this.#isLaneOpen = false;
    if (!this.#beating) this.#beat();
    this.#beating = true;
    const link: Link = {
      address: this.address,
      pendingBytes: 0,
      send: (lane, message) => {
        if (this.isFull || this.#handler !== handler) return false;
        const copy = message.slice();
        this.#timers.after(LATENCY_MS, () => {
          if (this.#handler === handler && !this.isHalfOpen) this.#receive(lane, copy);
        });
        return true;
      },
      close: () => {
        this.closedLinks += 1;
        if (this.#handler === handler) this.#handler = undefined;
        return Promise.resolve();
      },
    };
    return Promise.resolve(link);
  }

  /** Breaks the link; the host is told. */
  cut(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.disarm('link-lost');
    handler?.onClosed('cut');
  }

  /** The host's link takes messages again. */
  drain(): void {
    this.isFull = false;
    this.#handler?.onDrain();
  }

  /** Boots anew: everything is forgotten. */
  reboot(): void {
    this.cut();
    this.bootId += 1;
    this.state = 'idle';
    this.nextSample = 0;
    this.armedWith = undefined;
    this.slots.clear();
    this.#answered.clear();
    this.#clientId = '';
    this.#ring = [];
    this.#ringStart = 0;
    this.oldest = 0;
    this.emit({ type: 'fault', atSample: sampleIndex(0), code: 'brown-out', message: 'booted again' });
  }

  /** Puts a message on the data lane. */
  emit(body: ScriptedData): void {
    const message: DataMessage = { ...body, sequence: this.next >>> 0 };
    this.#ring.push(message);
    if (this.#isLaneOpen) this.#sendData(message);
  }

  /** Samples so many blocks of one frame per channel. */
  acquire(blocks: number): void {
    for (let i = 0; i < blocks; i++) {
      const samples = Int16Array.from({ length: CHANNELS * 2 }, (_, at) => (this.nextSample * 7 + at) % 1000);
      const firstSample = sampleIndex(this.nextSample);
      this.nextSample += 2;
      this.#blocks += 1;
      this.#frames += 2;
      this.#crc = updateCrc32c(this.#crc, new Uint8Array(samples.buffer));
      this.emit({ type: 'block', firstSample, frames: 2, channels: CHANNELS, samples });
    }
  }

  disarm(cause: ArmingCause): void {
    if (this.armedWith === undefined) return;
    this.armedWith = undefined;
    this.emit({ type: 'armed-changed', atSample: sampleIndex(this.nextSample), armed: false, cause });
  }

  /** Sends any bytes to the host. */
  sendRaw(lane: Lane, bytes: Uint8Array): void {
    const handler = this.#handler;
    this.#timers.after(LATENCY_MS, () => {
      if (this.#handler === handler && !this.isHalfOpen) handler?.onMessage(lane, bytes);
    });
  }

  /** Types of the commands that came, in order. */
  commandTypes(): readonly string[] {
    return this.commands.map(({ command }) => command.type);
  }

  #beat(): void {
    this.#timers.after(this.capabilities.heartbeatMs, () => {
      if (!this.isQuiet && this.#clientId !== '') {
        this.#sendControl({
          type: 'device-heartbeat',
          nextDataSequence: this.next >>> 0,
          nextSample: sampleIndex(this.nextSample),
          state: this.state,
          armed: this.armedWith !== undefined,
        });
      }
      this.#beat();
    });
  }

  #receive(_lane: Lane, bytes: Uint8Array): void {
    const decoded = decodeHostMessage(bytes);
    if (decoded.type === 'bad') throw new Error(decoded.message);
    const { message } = decoded;
    const atMs = this.#timers.nowMs();
    if (message.type === 'heartbeat') {
      this.heartbeats.push({ ...message, atMs });
      return;
    }
    const { commandId: id, command } = message;
    this.commands.push({ id, command, atMs });
    const scripted = this.script(command);
    if (scripted === 'silent') return;
    const known = this.#answered.get(id);
    const isStale = known === undefined && id <= Math.max(0, ...this.#answered.keys()) && command.type !== 'abort';
    const result: ReplyResult =
      scripted ??
      known ??
      (isStale ? { type: 'refused', reason: 'stale-id', message: 'stale' } : this.#carryOut(command));
    this.#answered.set(id, result);
    this.#sendControl({ type: 'reply', commandId: id, result });
    if (command.type === 'resume' && result.type === 'resumed') this.#repeat(result.fromSequence);
  }

  #carryOut(command: Command): ReplyResult {
    switch (command.type) {
      case 'hello':
        return this.#greet(Buffer.from(command.clientId).toString('hex'));
      case 'configure':
        this.state = 'ready';
        this.slots.clear();
        return {
          type: 'configured',
          blockFrames: command.blockFrames,
          profileHash: hashSafetyProfile(command.safetyProfile),
        };
      case 'start':
        this.state = 'running';
        this.#blocks = 0;
        this.#frames = 0;
        this.#crc = 0;
        this.emit({ type: 'stream-started', firstSample: sampleIndex(this.nextSample) });
        return { type: 'done' };
      case 'stop':
        return this.#stop();
      case 'rest':
        this.nextSample += command.durationSamples;
        this.emit({
          type: 'rested',
          fromSample: sampleIndex(this.nextSample - command.durationSamples),
          toSample: sampleIndex(this.nextSample),
        });
        return { type: 'done' };
      case 'upload-pattern':
        this.slots.set(command.pattern.slot, command.pattern);
        return { type: 'done' };
      case 'trigger':
        return this.#trigger(command.slot);
      case 'arm':
        this.armedWith = command.token;
        this.emit({ type: 'armed-changed', atSample: sampleIndex(this.nextSample), armed: true, cause: 'command' });
        return { type: 'done' };
      case 'abort':
        this.disarm('abort');
        return { type: 'done' };
      case 'disarm':
        this.disarm('command');
        return { type: 'done' };
      case 'cancel':
        return { type: 'done' };
      case 'measure-impedance':
        return { type: 'impedances', frequencyHz: command.frequencyHz, values: [] };
      case 'resume':
        return {
          type: 'resumed',
          fromSequence: Math.max(this.oldest, this.#toFull(command.fromSequence)) >>> 0,
          nextSequence: this.next >>> 0,
        };
      case 'status':
        return {
          type: 'status',
          state: this.state,
          armed: this.armedWith !== undefined,
          nextSample: sampleIndex(this.nextSample),
          scheduledStimuli: 0,
          nextDataSequence: this.next >>> 0,
        };
    }
  }

  #greet(clientId: string): ReplyResult {
    const isKnown = clientId === this.#clientId;
    this.#clientId = clientId;
    if (!isKnown) this.#isLaneOpen = true;
    return {
      type: 'hello',
      capabilities: this.capabilities,
      bootId: this.bootId,
      nextDataSequence: this.next >>> 0,
      oldestDataSequence: this.oldest >>> 0,
      newestStimulusId: 0,
    };
  }

  #stop(): ReplyResult {
    if (this.state !== 'running') return { type: 'refused', reason: 'wrong-state', message: 'not running' };
    this.disarm('stopped');
    this.state = 'ready';
    this.emit({
      type: 'stream-ended',
      endSample: sampleIndex(this.nextSample),
      blocks: this.#blocks,
      frames: this.#frames,
      samplesCrc32c: this.#crc,
    });
    return { type: 'done' };
  }

  #trigger(slot: number): ReplyResult {
    if (this.armedWith === undefined) return { type: 'refused', reason: 'not-armed', message: 'not armed' };
    if (!this.slots.has(slot)) return { type: 'refused', reason: 'empty-slot', message: `slot ${slot}` };
    return { type: 'scheduled', sample: sampleIndex(this.nextSample + 100) };
  }

  #repeat(fromSequence: number): void {
    this.#isLaneOpen = true;
    const from = Math.max(this.oldest, this.#toFull(fromSequence));
    for (const message of this.#ring.slice(from - this.#ringStart)) this.#sendData(message);
  }

  #toFull(wrapped: number): number {
    return this.next + sequenceDistance(this.next >>> 0, wrapped);
  }

  #sendData(message: DataMessage): void {
    const copies = this.copies(message);
    for (let i = 0; i < copies; i++) this.#send('data', message);
  }

  #sendControl(body: WithoutSequence<Reply> | WithoutSequence<DeviceHeartbeat>): void {
    this.#send('control', { ...body, sequence: this.#controlSequence });
    this.#controlSequence = (this.#controlSequence + 1) >>> 0;
  }

  #send(lane: Lane, message: DeviceMessage): void {
    this.sendRaw(lane, encodeDeviceMessage(message));
  }
}
