import { sampleIndex } from '../units.js';
import type { AssembledEvent } from './assembled-event.js';
import { placeChannels, type FindPlace, type NativeChannel } from './channel-places.js';
import { LineOrder } from './line-order.js';
import { ToldCount } from './told-count.js';
import { writeChannel } from './write-channel.js';
import type { BadMessage, DataMessage, LineMessage, ZmqMessage } from './zmq-messages.js';

export interface AssemblerOptions {
  /** Name of the stream; messages of others are counted and left alone. */
  readonly stream: string;
  /** (electrode) name or number of its channel in the stream. */
  readonly channels: readonly NativeChannel[];
  readonly gainUvPerBit: number;
  /** Processor whose lines count; those of all of them where none is named. */
  readonly lineSource?: number | undefined;
}

/** What was seen since the beginning. */
export interface AssemblerCounters {
  readonly messages: number;
  readonly blocks: number;
  /** By the numbers: messages that never came. */
  readonly missingMessages: number;
  readonly badMessages: number;
  /** Headers that came without their end. */
  readonly cutHeaders: number;
  /** Blocks of which a channel was missing: lost for all. */
  readonly incompleteBlocks: number;
  readonly clippedSamples: number;
  /** Changes of lines that came after the block with their sample. */
  readonly lateLines: number;
  readonly spikes: number;
  /** Messages of other streams, and of channels that no electrode has. */
  readonly otherMessages: number;
  readonly restarts: number;
}

/** A block of which some channels have come. */
interface OpenBlock {
  readonly first: number;
  readonly frames: number;
  readonly samples: Int16Array;
  readonly has: Uint8Array;
  count: number;
}

/**
 * Puts blocks together from the messages of one channel each. A block is what all electrodes have of one buffer; one of
 * which a channel is missing is lost for all. Losses show by the numbers of messages and of samples, and are told with
 * the block that comes after them, or after a second of nothing else. An acquisition that begins anew (numbers from 1
 * again) ends the one before.
 *
 * Nothing depends on when a message arrives. Blocks belong to whoever they are handed to.
 */
export class BlockAssembler {
  readonly #options: AssemblerOptions;
  readonly #emit: (event: AssembledEvent) => void;
  readonly #place: FindPlace;
  readonly #lines: LineOrder;
  readonly #counts = { messages: 0, blocks: 0, missing: 0, spikes: 0, others: 0, restarts: 0 };
  readonly #bad = new ToldCount();
  readonly #cut = new ToldCount();
  readonly #clipped = new ToldCount();
  readonly #incomplete = new ToldCount();
  /** Number of the message before; null before the first. */
  #lastNum: number | null = null;
  /** Messages that are missing since the last block. */
  #missing = 0;
  #open: OpenBlock | null = null;
  /** The sample that the next block should begin with; null before the first block. */
  #next: number | null = null;
  /** Where the acquisition was first seen; null before that. */
  #begin: number | null = null;
  /** The end of the newest block of which anything was seen. */
  #seenUntil = 0;
  /** Samples of a second, for a loss that does not end. */
  #sampleRateHz = Infinity;
  /** Nothing that is missing was sent before we listened. */
  #isWhole = false;

  /** @throws MeaError `bad-input` for a channel map that cannot be */
  constructor(options: AssemblerOptions, emit: (event: AssembledEvent) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#place = placeChannels(options.channels);
    this.#lines = new LineOrder(emit);
  }

  get counters(): AssemblerCounters {
    const { messages, blocks, missing, spikes, others, restarts } = this.#counts;
    return {
      messages,
      blocks,
      missingMessages: missing,
      badMessages: this.#bad.total,
      cutHeaders: this.#cut.total,
      incompleteBlocks: this.#incomplete.total,
      clippedSamples: this.#clipped.total,
      lateLines: this.#lines.late,
      spikes,
      otherMessages: others,
      restarts,
    };
  }

  /** Where the last block ended; null when none has come since the beginning of the acquisition. */
  get nextSample(): number | null {
    return this.#next;
  }

  /** Takes the next message, in the order in which they came. */
  take(message: ZmqMessage | BadMessage): void {
    this.#counts.messages += 1;
    if (message.type === 'bad') {
      this.#takeBad(message);
      return;
    }
    this.#follow(message.messageNum);
    if (message.isCut && this.#cut.add()) {
      this.#warn(
        `${this.#cut.total} headers came without their end; rename streams and channels to plain letters (ASCII), ` +
          'which the ZMQ Interface counts rightly',
      );
    }
    switch (message.type) {
      case 'data':
        this.#takeData(message);
        break;
      case 'line':
        this.#takeLine(message);
        break;
      case 'spike':
        this.#counts.spikes += 1;
        break;
      case 'other':
        this.#counts.others += 1;
        break;
    }
  }

  /** The acquisition is over: what is open is lost, and the next message may have any number. */
  end(): void {
    if (this.#open !== null) this.#loseOpen();
    if (this.#next !== null) {
      this.#tellLost();
      this.#lines.give(Infinity);
      this.#emit({ type: 'ended', endSample: sampleIndex(this.#next) });
    }
    this.#lines.clear();
    this.#lastNum = null;
    this.#missing = 0;
    this.#next = null;
    this.#begin = null;
    this.#seenUntil = 0;
    this.#isWhole = false;
  }

  #takeBad({ messageNum, reason }: BadMessage): void {
    if (messageNum !== null) {
      this.#follow(messageNum);
      this.#missing += 1;
    }
    if (this.#bad.add()) this.#warn(`${this.#bad.total} messages could not be read; the last was ${reason}`);
  }

  /** Sees what is missing before this message, and an acquisition that began anew. */
  #follow(messageNum: number): void {
    if (this.#lastNum === null) {
      this.#isWhole = messageNum === 1;
    } else if (messageNum <= this.#lastNum) {
      this.#restart();
      this.#isWhole = true;
      this.#countMissing(messageNum - 1);
    } else {
      this.#countMissing(messageNum - this.#lastNum - 1);
    }
    this.#lastNum = messageNum;
  }

  #countMissing(messages: number): void {
    this.#missing += messages;
    this.#counts.missing += messages;
  }

  #restart(): void {
    this.#counts.restarts += 1;
    this.end();
  }

  #takeData(message: DataMessage): void {
    const place = message.stream === this.#options.stream ? this.#place(message.channelNum, message.channelName) : null;
    if (place === null || place === undefined) {
      this.#counts.others += 1;
      return;
    }
    if (message.numSamples === 0) return;
    this.#sampleRateHz = message.sampleRateHz;
    const block = this.#blockFor(message);
    if (block.frames !== message.numSamples || block.has[place] === 1) {
      const { messageNum, channelName } = message;
      this.#missing += 1;
      this.#takeBad({
        type: 'bad',
        messageNum: null,
        reason: `message ${messageNum}: channel ${channelName} twice in a buffer, or of another length than the others`,
      });
      return;
    }
    const { gainUvPerBit, channels } = this.#options;
    const clipped = writeChannel(message.samples, {
      block: block.samples,
      channels: channels.length,
      channel: place,
      gainUvPerBit,
    });
    if (clipped > 0) this.#tellClipped(clipped, message.channelName);
    block.has[place] = 1;
    block.count += 1;
    if (block.count === channels.length) this.#complete(block);
  }

  /** The open block, where the message is of its buffer; else a new one. */
  #blockFor({ sampleNum, numSamples, messageNum }: DataMessage): OpenBlock {
    if (this.#open !== null && this.#open.first !== sampleNum) this.#loseOpen();
    if (this.#open !== null) return this.#open;
    if (sampleNum < this.#seenUntil) {
      this.#restart();
      this.#lastNum = messageNum;
    }
    const channels = this.#options.channels.length;
    this.#open = {
      first: sampleNum,
      frames: numSamples,
      samples: new Int16Array(numSamples * channels),
      has: new Uint8Array(channels),
      count: 0,
    };
    return this.#open;
  }

  #complete({ first, frames, samples }: OpenBlock): void {
    const end = first + frames;
    this.#open = null;
    if (this.#next === null) this.#start(this.#begin ?? first);
    this.#seenUntil = first;
    this.#tellLost();
    this.#lines.give(end);
    this.#counts.blocks += 1;
    this.#seenUntil = end;
    this.#next = end;
    const { channels } = this.#options;
    this.#emit({ type: 'block', firstSample: sampleIndex(first), frames, channels: channels.length, samples });
  }

  #start(begin: number): void {
    this.#next = begin;
    if (!this.#isWhole) this.#missing = 0;
    this.#lines.dropBefore(begin);
    this.#emit({ type: 'started', firstSample: sampleIndex(begin) });
  }

  /** A buffer of which channels are missing; one that had begun before we listened is nobody's loss. */
  #loseOpen(): void {
    if (this.#open === null) return;
    const { first, frames, count } = this.#open;
    this.#open = null;
    this.#seenUntil = first + frames;
    if (this.#next === null && !this.#isWhole) {
      this.#isWhole = true;
      this.#missing = 0;
      return;
    }
    this.#begin ??= first;
    if (this.#incomplete.add()) {
      const { channels } = this.#options;
      this.#warn(
        `of the ${frames} samples from ${first} only ${count} of ${channels.length} channels came: lost for all ` +
          `(${this.#incomplete.total} such buffers so far)`,
      );
    }
    if (this.#next !== null && this.#seenUntil - this.#next >= this.#sampleRateHz) this.#tellLost();
  }

  /** Tells what is missing up to where was seen. */
  #tellLost(): void {
    const from = this.#next;
    if (from === null) return;
    const messages = this.#missing;
    this.#missing = 0;
    if (this.#seenUntil > from) {
      this.#next = this.#seenUntil;
      const toSample = sampleIndex(this.#seenUntil);
      this.#emit({ type: 'samples-lost', fromSample: sampleIndex(from), toSample, messages });
    } else if (messages > 0) {
      this.#warn(
        `${messages} messages were lost before sample ${from}, none of them with samples of these electrodes: ` +
          'changes of lines may be missing',
      );
    }
  }

  #takeLine({ stream, sourceNode, sampleNum, line, isHigh }: LineMessage): void {
    const { lineSource } = this.#options;
    if (stream !== this.#options.stream || (lineSource !== undefined && lineSource !== sourceNode)) {
      this.#counts.others += 1;
      return;
    }
    this.#lines.take({ sample: sampleNum, line, isHigh }, this.#next ?? 0);
  }

  #tellClipped(clipped: number, channelName: string): void {
    if (!this.#clipped.add(clipped)) return;
    const most = (32_768 * this.#options.gainUvPerBit).toFixed(0);
    this.#warn(
      `${this.#clipped.total} samples lay beyond ${most} uV or were no numbers, lately of ${channelName}: clipped; ` +
        'take a larger gainUvPerBit, or leave channels out that carry volts',
    );
  }

  #warn(message: string): void {
    this.#emit({ type: 'warning', message });
  }
}
