import { encodeBlock } from '../../protocols/mea-link/codec-block.js';
import { encodeDeviceMessage, decodeHostMessage } from '../../protocols/mea-link/codec.js';
import type { BadFrame, Link, LinkHandler } from '../../protocols/mea-link/link.js';
import {
  MEA_LINK_VERSION,
  type Command,
  type CommandMessage,
  type DataMessage,
  type HelloCommand,
  type HostHeartbeat,
  type ReplyResult,
} from '../../protocols/mea-link/messages.js';
import { nextSequence, sequenceDistance } from '../../protocols/mea-link/sequence.js';
import type { DeviceFaults } from '../faults/device-faults.js';
import type { EmulatedRig } from '../rig/emulated-rig.js';
import { equalBytes } from './arming.js';
import { CommandMemory } from './command-memory.js';
import { DataRing } from './data-ring.js';
import type { ControlBody, DataBody } from './device-events.js';
import { RING_BYTES, toRingMs, type DeviceSettings } from './device-settings.js';
import { Firmware } from './firmware.js';
import { Peer } from './peer.js';
import { refuse } from './stimulator.js';

/** A controller that has not been heard for so long may be replaced by another. */
const CONTROLLER_SILENCE_MS = 1000;

/** What the device says outside its link: for its ledger, its log, and the test that watches it. */
export interface DeviceObserver {
  /** Each message of the data lane when it is made. The samples of a block are only good until the call returns. */
  readonly onData?: ((message: DataMessage, index: number) => void) | undefined;
  /** A command and its answer, the first time it is carried out. */
  readonly onCommand?: ((command: Command, result: ReplyResult) => void) | undefined;
  /** A message of the data lane is given to a link; `index` counts the boot's messages, repetitions included. */
  readonly onSent?: ((index: number) => void) | undefined;
  readonly onLog?: ((text: string) => void) | undefined;
}

export interface EmulatedDeviceOptions {
  readonly rig: EmulatedRig;
  readonly settings: DeviceSettings;
  readonly faults: DeviceFaults;
  /** Of the first boot; each later boot has the next number. */
  readonly bootId: number;
  /** Sequence of the first message of the data lane, and the sample counter, at boot. */
  readonly startSequence?: number;
  readonly startSample?: number;
  readonly observer?: DeviceObserver;
}

/**
 * The emulated device: firmware, a ring of what it has sent, and the links to it. It has no clock and no sockets: mounts
 * give it links, and whoever drives it calls `advance`.
 *
 * One controller at a time: the peer that said hello. Another is refused until the first is gone or silent; the same
 * controller on a new link takes over from its old one, and stimulation ends with the old link.
 */
export class EmulatedDevice {
  readonly #options: EmulatedDeviceOptions;
  readonly #sampleRateHz: number;
  readonly #peers = new Set<Peer>();
  readonly #memory = new CommandMemory();
  #firmware: Firmware;
  #ring: DataRing;
  #bootId: number;
  #startSequence: number;
  #controller: Peer | undefined;
  #lastClientId: Uint8Array | undefined;
  #tick = 0;
  #offUntil = 0;
  #refuseUntil = 0;
  /** Replies that a fault holds back, in the order of their ticks. */
  #delayed: { readonly tick: number; readonly peer: Peer; readonly body: ControlBody }[] = [];

  constructor(options: EmulatedDeviceOptions) {
    this.#options = options;
    this.#sampleRateHz = options.rig.sampleRateHz;
    this.#bootId = options.bootId;
    this.#startSequence = options.startSequence ?? 0;
    this.#ring = this.#createRing();
    this.#firmware = this.#boot(options.startSample ?? 0);
  }

  get firmware(): Firmware {
    return this.#firmware;
  }

  get bootId(): number {
    return this.#bootId;
  }

  get sampleRateHz(): number {
    return this.#sampleRateHz;
  }

  /** True while a brown-out lasts: the device does nothing and takes no link. */
  get off(): boolean {
    return this.#tick < this.#offUntil;
  }

  /** Takes a link; what is returned hears it. */
  readonly accept = (link: Link): LinkHandler => {
    const peer = new Peer(link);
    if (this.off || this.#tick < this.#refuseUntil) {
      void peer.drop({ closeLink: true });
    } else {
      this.#peers.add(peer);
    }
    return {
      onMessage: (_lane, message) => {
        this.#receive(peer, message);
      },
      onBadFrame: (frame) => {
        this.#onBadFrame(frame);
      },
      onDrain: () => {
        this.#pump();
      },
      onClosed: (reason) => {
        this.#lose(peer, reason);
      },
    };
  };

  /** Lets so many ticks of the sample clock pass, and sends what came of it. */
  advance(ticks: number): void {
    let left = ticks;
    while (left > 0) {
      const step = Math.min(left, this.#untilNextFault());
      if (!this.off) this.#firmware.advance(step);
      this.#tick += step;
      left -= step;
      this.#applyTimedFaults();
    }
    this.#releaseDelayed();
    this.#forgetSilent();
    this.#pump();
  }

  /** Closes every link, stimulation off first. */
  async close(): Promise<void> {
    this.#firmware.loseController('the device shuts down');
    this.#pump();
    await Promise.all([...this.#peers].map((peer) => peer.drop({ closeLink: true })));
    this.#peers.clear();
  }

  #boot(startSample: number): Firmware {
    const { rig, settings, faults } = this.#options;
    return new Firmware(
      rig,
      { settings, startSample, stimulatorFails: () => faults.refusesStimulus() },
      {
        output: {
          data: (body) => {
            this.#addData(body);
          },
          control: (body) => {
            for (const peer of this.#peers) if (peer.clientId !== undefined) this.#sendControl(peer, body);
          },
        },
        nextDataSequence: () => this.#toSequence(this.#ring.next),
      },
    );
  }

  #createRing(): DataRing {
    const { rig, settings } = this.#options;
    const keepTicks = Math.round((toRingMs(rig, settings) * this.#sampleRateHz) / 1000);
    return new DataRing({ messages: keepTicks + 1024, bytes: RING_BYTES, keepTicks });
  }

  readonly #takePlace = (length: number): Uint8Array => this.#ring.takePlace(length);

  #toSequence(index: number): number {
    return (this.#startSequence + index) % 2 ** 32;
  }

  #addData(body: DataBody): void {
    const index = this.#ring.next;
    const message: DataMessage = { ...body, sequence: this.#toSequence(index) };
    this.#options.observer?.onData?.(message, index);
    const encoded = message.type === 'block' ? encodeBlock(message, this.#takePlace) : encodeDeviceMessage(message);
    this.#ring.add(encoded, this.#firmware.tick);
  }

  // ---- what comes in ---------------------------------------------------------------------------------------------------

  #receive(peer: Peer, bytes: Uint8Array): void {
    if (peer.closed || this.off || this.#options.faults.halfOpen()) return;
    const decoded = decodeHostMessage(bytes);
    if (decoded.type === 'bad') {
      this.#log(`bad message from ${peer.link.address}: ${decoded.message}`);
      if (decoded.command !== undefined) {
        const { commandId, reason } = decoded.command;
        this.#sendControl(peer, { type: 'reply', commandId, result: refuse(reason, decoded.message) });
      }
      return;
    }
    const { message } = decoded;
    if (message.sequence !== peer.expectedSequence) {
      this.#log(`messages of the controller were lost: ${peer.expectedSequence} to ${message.sequence}`);
    }
    peer.expectedSequence = nextSequence(message.sequence);
    peer.heardAt = this.#tick;
    if (message.type === 'heartbeat') this.#hear(peer, message);
    else this.#command(peer, message);
    this.#pump();
  }

  #hear(peer: Peer, heartbeat: HostHeartbeat): void {
    if (peer === this.#controller) this.#firmware.hear(heartbeat);
  }

  #command(peer: Peer, { commandId, command }: CommandMessage): void {
    const result = this.#answer(peer, commandId, command);
    const body: ControlBody = { type: 'reply', commandId, result };
    const delayMs = this.#options.faults.replyDelayMs();
    if (delayMs === 0) this.#sendControl(peer, body);
    else {
      const tick = this.#tick + Math.round((delayMs * this.#sampleRateHz) / 1000);
      this.#delayed.push({ tick, peer, body });
      this.#delayed.sort((a, b) => a.tick - b.tick);
    }
  }

  #answer(peer: Peer, commandId: number, command: Command): ReplyResult {
    // Ending stimulation is never refused, whoever asks and in whatever state.
    if (command.type === 'abort') return this.#firmware.execute(command);
    if (command.type === 'hello') return this.#hello(peer, commandId, command);
    if (command.type === 'status') return this.#status();
    if (peer !== this.#controller) return refuse('not-controller', 'say hello first; a device has one controller');
    const known = this.#memory.recall(commandId);
    if (known === 'stale') return refuse('stale-id', `command ${commandId} is older than those answered already`);
    if (known !== undefined) return known;
    const result = command.type === 'resume' ? this.#resume(peer, command) : this.#firmware.execute(command);
    this.#memory.remember(commandId, result);
    this.#options.observer?.onCommand?.(command, result);
    return result;
  }

  #hello(peer: Peer, commandId: number, { clientId, major, client }: HelloCommand): ReplyResult {
    if (major !== MEA_LINK_VERSION.major) {
      return refuse('version', `protocol ${major}: this device speaks ${MEA_LINK_VERSION.major}`);
    }
    const holder = this.#controller;
    const known = this.#lastClientId !== undefined && equalBytes(clientId, this.#lastClientId);
    if (holder !== undefined && holder !== peer) {
      const silentMs = ((this.#tick - holder.heardAt) * 1000) / this.#sampleRateHz;
      if (!known && silentMs < CONTROLLER_SILENCE_MS) {
        return refuse('not-controller', `another controller is connected (${holder.link.address})`);
      }
      this.#replace(holder);
    }
    if (!known) {
      this.#memory.forget();
      this.#firmware.changeController();
      this.#log(`controller: ${client}`);
    }
    // Whoever arms is there from hello on: nobody inherits an armed device.
    this.#firmware.loseController('a controller said hello');
    const isNew = peer.clientId === undefined || !equalBytes(peer.clientId, clientId);
    peer.clientId = clientId;
    // A controller that comes back says itself from where the data lane is to go on.
    if (isNew) peer.cursor = known ? undefined : this.#ring.next;
    this.#controller = peer;
    this.#lastClientId = clientId;
    const result: ReplyResult = {
      type: 'hello',
      capabilities: this.#firmware.capabilities,
      bootId: this.#bootId,
      nextDataSequence: this.#toSequence(peer.cursor ?? this.#ring.next),
      oldestDataSequence: this.#toSequence(this.#ring.oldest),
      newestStimulusId: this.#firmware.newestStimulusId,
    };
    this.#memory.remember(commandId, result);
    return result;
  }

  #replace(holder: Peer): void {
    this.#log(`controller replaced: ${holder.link.address}`);
    this.#lose(holder, 'replaced by a new link');
    void holder.drop({ closeLink: true });
  }

  #resume(peer: Peer, command: { readonly bootId: number; readonly fromSequence: number }): ReplyResult {
    if (command.bootId !== this.#bootId) {
      return refuse('bad-argument', `boot ${command.bootId} is over: this is boot ${this.#bootId}`);
    }
    const wanted = this.#ring.next + sequenceDistance(this.#toSequence(this.#ring.next), command.fromSequence);
    if (wanted > this.#ring.next) {
      return refuse('bad-argument', `sequence ${command.fromSequence} has not been sent yet`);
    }
    const from = Math.max(wanted, this.#ring.oldest);
    peer.cursor = from;
    return {
      type: 'resumed',
      fromSequence: this.#toSequence(from),
      nextSequence: this.#toSequence(this.#ring.next),
    };
  }

  #status(): ReplyResult {
    const { state, armed, nextSample, scheduledStimuli } = this.#firmware;
    const nextDataSequence = this.#toSequence(this.#ring.next);
    return { type: 'status', state, armed, nextSample, scheduledStimuli, nextDataSequence };
  }

  #onBadFrame(frame: BadFrame): void {
    this.#log(`bad frame: ${frame.message}`);
  }

  /** A controller that is not heard is none: its link may be half-open, and would fill up. */
  #forgetSilent(): void {
    const peer = this.#controller;
    if (peer === undefined || this.#tick - peer.heardAt < (CONTROLLER_SILENCE_MS * this.#sampleRateHz) / 1000) return;
    this.#lose(peer, 'it was not heard any more');
    void peer.link.close();
  }

  #lose(peer: Peer, reason: string): void {
    this.#peers.delete(peer);
    void peer.drop({ closeLink: false });
    if (peer !== this.#controller) return;
    this.#controller = undefined;
    this.#options.faults.loseLink();
    this.#log(`controller lost: ${reason}`);
    if (!this.off) this.#firmware.loseController(`the controller's link is gone: ${reason}`);
  }

  // ---- what goes out ---------------------------------------------------------------------------------------------------

  #sendControl(peer: Peer, body: ControlBody): void {
    const sequence = peer.controlSequence;
    peer.controlSequence = nextSequence(sequence);
    peer.sendControl(encodeDeviceMessage({ ...body, sequence }));
  }

  #releaseDelayed(): void {
    while (this.#delayed.length > 0 && this.#delayed[0]!.tick <= this.#tick) {
      const { peer, body } = this.#delayed.shift()!;
      this.#sendControl(peer, body);
    }
  }

  /** Sends the controller what the data lane holds for it, as far as its link takes it. */
  #pump(): void {
    const peer = this.#controller;
    if (peer === undefined || this.#options.faults.stalled(this.#tick)) return;
    if (!peer.flushControl()) return;
    while (peer.cursor !== undefined && peer.cursor < this.#ring.next) {
      if (peer.cursor < this.#ring.oldest) this.#overrun(peer, peer.cursor);
      const index = peer.cursor;
      const message = this.#ring.borrow(index);
      if (message === undefined || !peer.link.send('data', message)) return;
      this.#options.observer?.onSent?.(index);
      peer.cursor = index + 1;
      if (peer.overrun > 0 && peer.cursor === this.#ring.next) this.#endOverrun(peer);
    }
  }

  /** The link was too slow for the ring: what is lost is said on the lane itself, which must not grow by saying so. */
  #overrun(peer: Peer, cursor: number): void {
    const lost = this.#ring.oldest - cursor;
    peer.cursor = this.#ring.oldest;
    peer.overrun += lost;
    // One that stays too slow loses some with each look: it is told of the first and, when it has caught up, of all.
    if (peer.overrun === lost) this.#reportOverrun(`${lost} messages left the ring before the link took them`);
  }

  #endOverrun(peer: Peer): void {
    const lost = peer.overrun;
    peer.overrun = 0;
    this.#reportOverrun(`${lost} messages in all left the ring before the link took them`);
  }

  #reportOverrun(message: string): void {
    this.#addData({ type: 'fault', atSample: this.#firmware.nextSample, code: 'ring-overrun', message });
  }

  // ---- faults ----------------------------------------------------------------------------------------------------------

  #untilNextFault(): number {
    return Math.max(1, this.#options.faults.nextTick(this.#tick) - this.#tick);
  }

  #applyTimedFaults(): void {
    for (const fault of this.#options.faults.takeDue(this.#tick)) {
      this.#log(`fault: ${fault.type}`);
      if (fault.type === 'clock-step') this.#firmware.stepClock(fault.samples);
      else if (fault.type === 'disconnect') {
        this.#refuseUntil = this.#tick + fault.offTicks;
        this.#disconnect();
      } else this.#brownOut(fault.offTicks);
    }
  }

  #disconnect(): void {
    for (const peer of [...this.#peers]) {
      this.#lose(peer, 'cut by a fault');
      void peer.link.close();
    }
  }

  #brownOut(offTicks: number): void {
    this.#offUntil = this.#tick + offTicks;
    this.#disconnect();
    this.#memory.forget();
    this.#lastClientId = undefined;
    this.#delayed = [];
    this.#bootId = (this.#bootId + 1) % 2 ** 32;
    this.#startSequence = 0;
    this.#ring = this.#createRing();
    this.#firmware = this.#boot(0);
    this.#addData({ type: 'fault', atSample: this.#firmware.nextSample, code: 'brown-out', message: 'booted again' });
  }

  #log(text: string): void {
    this.#options.observer?.onLog?.(text);
  }
}
