import { MeaError } from '../../protocols/errors.js';
import type { NativeChannel } from '../../protocols/open-ephys/channel-places.js';
import type { Processor } from '../../protocols/open-ephys/http-api.js';
import type { DataMessage } from '../../protocols/open-ephys/zmq-messages.js';

/** What the rig says that the stream is. */
export interface WantedStream {
  readonly stream: string;
  readonly channels: readonly NativeChannel[];
  readonly sampleRateHz: number;
}

/** Relative difference of two rates that are the same. */
const SAME_RATE = 1e-4;
/** Buffers of a stream that must have been seen before a channel counts as missing. */
const ENOUGH_BUFFERS = 3;
/** Streams that are kept, and names that are shown. */
const MAX_STREAMS = 32;
const MAX_SHOWN = 8;

interface SeenStream {
  readonly sampleRateHz: number;
  readonly channels: Map<number, string>;
  lastSample: number;
  buffers: number;
}

/** What comes at the data port, for telling what is wrong with what was asked for. */
export class StreamSurvey {
  readonly #streams = new Map<string, SeenStream>();

  note({ stream, channelNum, channelName, sampleNum, sampleRateHz }: DataMessage): void {
    let seen = this.#streams.get(stream);
    if (seen === undefined) {
      if (this.#streams.size === MAX_STREAMS) return;
      seen = { sampleRateHz, channels: new Map(), lastSample: -1, buffers: 0 };
      this.#streams.set(stream, seen);
    }
    seen.channels.set(channelNum, channelName);
    if (seen.lastSample !== sampleNum) seen.buffers += 1;
    seen.lastSample = sampleNum;
  }

  /** What is certainly wrong by now; null where more may come. */
  findProblem(wanted: WantedStream): MeaError | null {
    const seen = this.#streams.get(wanted.stream);
    if (seen === undefined || seen.buffers < ENOUGH_BUFFERS) return null;
    const names = new Set<NativeChannel>([...seen.channels.keys(), ...seen.channels.values()]);
    const missing = wanted.channels.filter((channel) => !names.has(channel));
    if (missing.length === 0) return null;
    return new MeaError('refused', {
      what: `Open Ephys does not send ${missing.length} of the ${wanted.channels.length} channels`,
      got: `${listNames([...seen.channels.values()])} in stream ${wanted.stream}`,
      wanted: listNames(missing.map(String)),
      remedy: 'select all channels in the ZMQ Interface, and name them in the channel map as its stream does',
    });
  }

  /** Why no block came at all. */
  explainSilence({ stream, channels }: WantedStream, waitedMs: number): MeaError {
    const seen = this.#streams.get(stream);
    const what = `No block of stream ${stream} came in ${waitedMs} ms`;
    if (this.#streams.size === 0) {
      return new MeaError('deadline', {
        what,
        got: 'nothing at all at the data port',
        remedy: 'is the ZMQ Interface enabled, is its port right, does the source deliver samples?',
      });
    }
    if (seen === undefined) {
      return new MeaError('refused', {
        what,
        got: `data of ${listNames([...this.#streams.keys()])}`,
        wanted: stream,
        remedy: 'choose the stream in the editor of the ZMQ Interface, or name the one it sends',
      });
    }
    return new MeaError('deadline', {
      what,
      got: `${seen.channels.size} channels in ${seen.buffers} buffers, none with all ${channels.length}`,
      remedy: 'are messages lost? look at the load of this machine',
    });
  }
}

/**
 * Holds the signal chain against what the rig says.
 *
 * @throws MeaError `refused` for a chain without ZMQ Interface, without the stream, or with another rate
 */
export function checkSignalChain(processors: readonly Processor[], wanted: WantedStream): void {
  const publishers = processors.filter(({ name }) => name.toLowerCase().includes('zmq'));
  if (publishers.length === 0) {
    throw new MeaError('refused', {
      what: 'The signal chain of Open Ephys has no ZMQ Interface',
      got: listNames(processors.map(({ name }) => name)),
      remedy: 'install the plugin (File > Plugin Installer) and drag it behind the source',
    });
  }
  const streams = publishers.flatMap((publisher) => publisher.streams);
  const found = streams.find(({ name }) => name === wanted.stream);
  if (found === undefined) {
    throw new MeaError('refused', {
      what: 'Open Ephys has no such stream before its ZMQ Interface',
      got: listNames(streams.map(({ name }) => name)),
      wanted: wanted.stream,
      remedy: 'name one of these in the rig file',
    });
  }
  checkRate(found.sampleRateHz, wanted);
}

/** @throws MeaError `refused` for another rate than was said */
export function checkRate(sampleRateHz: number, wanted: WantedStream): void {
  if (isRate(sampleRateHz, wanted)) return;
  throw new MeaError('refused', {
    what: `Stream ${wanted.stream} of Open Ephys has another rate`,
    got: `${sampleRateHz} Hz`,
    wanted: `${wanted.sampleRateHz} Hz`,
    remedy: 'set the rate in the source’s editor, or correct it in the rig file',
  });
}

/** True for the rate that was said. */
export function isRate(sampleRateHz: number, wanted: WantedStream): boolean {
  return Math.abs(sampleRateHz - wanted.sampleRateHz) <= SAME_RATE * wanted.sampleRateHz;
}

function listNames(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  return names.length > MAX_SHOWN ? `${shown} and ${names.length - MAX_SHOWN} more` : shown;
}
