import { MeaError } from '../../protocols/errors.js';
import { placeChannels, type NativeChannel } from '../../protocols/open-ephys/channel-places.js';
import { DEFAULT_HTTP_PORT } from '../../protocols/open-ephys/http-api.js';
import type { Timers } from '../../protocols/timers.js';
import type { Hertz } from '../../protocols/units.js';
import { OPEN_EPHYS_CAPABILITIES } from './capabilities.js';

/** How long things may take. */
export interface OpenEphysTimes {
  /** To reach the publisher. */
  readonly connectMs: number;
  /** An answer over HTTP; starting an acquisition opens hardware, and takes longer. */
  readonly httpMs: number;
  readonly startMs: number;
  /** The first block after the acquisition has begun. */
  readonly firstBlockMs: number;
  /** Between two heartbeats; the program counts a client as dead after 5 s. */
  readonly heartbeatMs: number;
  /** An answer to a heartbeat; then the socket is opened anew. */
  readonly replyMs: number;
  /** No message for so long after the end of an acquisition means that all have come. */
  readonly quietMs: number;
  /** Without a message for so long while the program acquires, it is asked about. */
  readonly silenceMs: number;
  /** A peer that answers no ping of ZeroMQ for so long is gone: a cable that was pulled sends no goodbye. */
  readonly deadPeerMs: number;
  /** A link that does not come back is given up. */
  readonly giveUpMs: number;
  /** The longest that `close` takes. */
  readonly closeMs: number;
}

export interface OpenEphysOptions {
  readonly timers: Timers;
  /** 127.0.0.1 by default. */
  readonly host?: string | undefined;
  /** Port of the ZMQ Interface plugin, 5556 by default. */
  readonly dataPort?: number | undefined;
  /** The port after it by default. */
  readonly heartbeatPort?: number | undefined;
  /** 37497 by default. */
  readonly httpPort?: number | undefined;
  /** Name of the data stream, as the program shows it. */
  readonly stream: string;
  /** (electrode) name of its channel, or `channel_num`. */
  readonly channels: readonly NativeChannel[];
  readonly sampleRateHz: Hertz;
  /** 0.195 by default. */
  readonly gainUvPerBit?: number | undefined;
  /** Number of the processor whose lines count; those of all by default. */
  readonly lineSource?: number | undefined;
  /** What the program lists us as; `meactl` by default. */
  readonly application?: string | undefined;
  readonly times?: Partial<OpenEphysTimes> | undefined;
}

/** The options with their defaults. */
export interface FullOpenEphysOptions extends Required<Omit<OpenEphysOptions, 'lineSource' | 'times'>> {
  readonly host: string;
  readonly dataPort: number;
  readonly heartbeatPort: number;
  readonly httpPort: number;
  readonly gainUvPerBit: number;
  readonly application: string;
  readonly lineSource: number | undefined;
  readonly times: OpenEphysTimes;
}

const DEFAULT_TIMES: OpenEphysTimes = {
  connectMs: 2000,
  httpMs: 2000,
  startMs: 10_000,
  firstBlockMs: 5000,
  heartbeatMs: 2000,
  replyMs: 1000,
  quietMs: 200,
  silenceMs: 3000,
  deadPeerMs: 5000,
  giveUpMs: 30_000,
  closeMs: 3000,
};

const DEFAULT_DATA_PORT = 5556;

/**
 * Completes and checks the options.
 *
 * @throws MeaError `bad-input` naming the option that cannot be
 */
export function completeOptions(options: OpenEphysOptions): FullOpenEphysOptions {
  const dataPort = options.dataPort ?? DEFAULT_DATA_PORT;
  const full: FullOpenEphysOptions = {
    timers: options.timers,
    host: options.host ?? '127.0.0.1',
    dataPort,
    heartbeatPort: options.heartbeatPort ?? dataPort + 1,
    httpPort: options.httpPort ?? DEFAULT_HTTP_PORT,
    stream: options.stream,
    channels: options.channels,
    sampleRateHz: options.sampleRateHz,
    gainUvPerBit: options.gainUvPerBit ?? OPEN_EPHYS_CAPABILITIES.gainUvPerBit,
    application: options.application ?? 'meactl',
    lineSource: options.lineSource,
    times: { ...DEFAULT_TIMES, ...options.times },
  };
  placeChannels(full.channels);
  if (full.stream === '') throw badOption('stream', '""', 'the name of a data stream');
  for (const name of ['sampleRateHz', 'gainUvPerBit'] as const) requirePositive(name, full[name]);
  for (const [name, value] of Object.entries(full.times)) requirePositive(name, value);
  for (const name of ['dataPort', 'heartbeatPort', 'httpPort'] as const) {
    const port = full[name];
    if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) throw badOption(name, String(port), '1 to 65535');
  }
  return full;
}

function requirePositive(name: string, value: unknown): void {
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return;
  throw badOption(name, String(value), 'a positive number');
}

function badOption(name: string, got: string, wanted: string): MeaError {
  return new MeaError('bad-input', { what: `Bad option ${name} of Open Ephys`, got, wanted });
}
