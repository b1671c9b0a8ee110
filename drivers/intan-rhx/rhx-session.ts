import { MeaError } from '../../protocols/errors.js';
import { MAX_WRITE_BYTES, encodeRhxCommands, type RhxCommand } from '../../protocols/intan-rhx/command.js';
import { findRhxItem } from '../../protocols/intan-rhx/parameters.js';
import type { RhxReply } from '../../protocols/intan-rhx/reply.js';
import {
  findStimDifference,
  listStimItems,
  type StimSettings,
  type StimSteps,
} from '../../protocols/intan-rhx/stim-settings.js';
import { pause } from '../mea-link/bounded-wait.js';
import type { CheckedRhxOptions } from './options.js';
import type { RhxConsole, RunMode } from './rhx-console.js';

/** What RHX told of itself. */
export interface RhxIdentity {
  readonly version: string;
  readonly steps: StimSteps;
}

/** Room that is left in a write for the mark at its end. */
const BATCH_BYTES = MAX_WRITE_BYTES - 100;
/** Time between two looks at something that goes on. */
const LOOK_MS = 10;

/** What is done with a controller by commands: every step is confirmed, by an answer or by reading back. */
export class RhxSession {
  readonly options: CheckedRhxOptions;
  readonly console: RhxConsole;
  readonly #ended = new AbortController();
  #holders = 0;
  #newestStop: Promise<void> | undefined;
  #stops = 0;

  constructor(console: RhxConsole, options: CheckedRhxOptions) {
    this.console = console;
    this.options = options;
  }

  /**
   * Commands that answer nothing.
   *
   * @param signal nothing more is sent once it is aborted
   * @throws MeaError `refused` with RHX's own words where it answered all the same
   */
  async do(commands: readonly RhxCommand[], signal?: AbortSignal): Promise<void> {
    for (const batch of cutBatches(commands)) {
      signal?.throwIfAborted();
      const [first] = await this.console.ask(batch);
      if (first !== undefined) throw refused(encodeRhxCommands(batch), describeReply(first));
    }
  }

  /**
   * Values of items, in their order.
   *
   * @throws MeaError `refused` with RHX's own words for an item that it does not know, or answers by another name
   */
  async read(items: readonly string[]): Promise<readonly string[]> {
    const values: string[] = [];
    for (const [i, reply] of (await this.ask(items)).entries()) {
      const item = items[i]!;
      const name = findRhxItem(item)?.parameter.name ?? '';
      if (reply.type !== 'value' || reply.name.toLowerCase() !== name.toLowerCase()) {
        throw refused(`get ${item}`, describeReply(reply));
      }
      values.push(reply.value);
    }
    return values;
  }

  /** Answers to `get` of items, in their order, errors among them. @throws MeaError `bad-format` for another number of answers */
  async ask(items: readonly string[]): Promise<readonly RhxReply[]> {
    const replies: RhxReply[] = [];
    for (const batch of cutBatches(items.map((item) => ({ type: 'get', item }) as const))) {
      const got = await this.console.ask(batch);
      if (got.length !== batch.length) {
        const [wanted, where] = [`${batch.length} answers`, this.options.address];
        throw new MeaError('bad-format', { what: 'RHX answers out of step', got: `${got.length}`, wanted, where });
      }
      replies.push(...got);
    }
    return replies;
  }

  /** What RHX does now; it has heard all that was sent before. @param options `urgent`: what waits is dropped */
  async askMode(options: { readonly urgent?: boolean } = {}): Promise<RunMode> {
    await this.console.ask([], options);
    return this.console.mode ?? 'Stop';
  }

  /**
   * Starts the board. RHX runs it inside that command, and hears what it reads together with it only after the board has
   * stopped: nothing may follow before the command was read, which shows in the first block, or in time.
   *
   * @param hasBegun resolves with the first block
   * @throws MeaError `refused` where the board does not start, or is stopped meanwhile, `deadline`
   */
  async start(hasBegun: Promise<void>, signal?: AbortSignal): Promise<void> {
    const { timers, deadlines } = this.options;
    const stops = this.#stops;
    await this.console.startBoard(() => Promise.race([hasBegun, pause(timers, deadlines.startMs, this.#ended.signal)]));
    await this.#until('The start of the board', signal, async () => {
      const [refusal] = await this.console.ask([]);
      if (this.#stops !== stops) throw refused('set runmode run;', 'it was stopped meanwhile');
      if (refusal !== undefined) throw refused('set runmode run;', describeReply(refusal));
      return this.console.mode === 'Run';
    });
  }

  /** Stops the board; done where it is stopped already, or where a stop that is more urgent has done it meanwhile. */
  async stop(options: { readonly urgent?: boolean } = {}): Promise<void> {
    const mine = this.#stop(options);
    this.#newestStop = mine;
    try {
      await mine;
    } catch (error) {
      if (this.#newestStop === mine) throw error;
      await this.#newestStop;
    }
  }

  async #stop(options: { readonly urgent?: boolean }): Promise<void> {
    this.#stops += 1;
    const replies = await this.console.ask([{ type: 'set', item: 'RunMode', value: 'Stop' }], options);
    const refusal = replies.find((reply) => reply.type === 'error' && reply.error.reason !== 'must-be-running');
    if (refusal !== undefined) throw refused('set runmode stop;', describeReply(refusal));
    await this.#until('The stop of the board', undefined, async () => (await this.askMode()) === 'Stop');
  }

  /** Puts settings into channels, uploads them, and holds what RHX then answers against them. The board must be stopped. */
  async program(settings: ReadonlyMap<string, StimSettings>, steps: StimSteps, signal?: AbortSignal): Promise<void> {
    for (const [channel, wanted] of settings) {
      signal?.throwIfAborted();
      const items = listStimItems(wanted);
      const commands = items.map(([item, value]) => ({ type: 'set', item: `${channel}.${item}`, value }) as const);
      await this.do(commands, signal);
    }
    await this.upload(signal);
    for (const [channel, wanted] of settings) {
      signal?.throwIfAborted();
      const names = listStimItems(wanted).map(([item]) => item);
      const values = await this.read(names.map((name) => `${channel}.${name}`));
      const read = new Map(names.map((name, i) => [name, values[i]!]));
      const difference = findStimDifference(wanted, read, steps);
      if (difference === undefined) continue;
      const { item, ...values_ } = difference;
      throw new MeaError('refused', {
        what: `RHX holds another ${item} than it was told`,
        ...values_,
        where: `${channel}, ${this.options.address}`,
        remedy: 'is somebody else at the program? Nothing is fired',
      });
    }
  }

  /** All parameters to the board. @throws MeaError `refused` while it runs, `deadline` */
  async upload(signal?: AbortSignal): Promise<void> {
    // One that was given up may still go on, and RHX refuses a second.
    await this.#untilUploaded(signal);
    await this.do([{ type: 'execute', action: 'UploadStimParameters' }], signal);
    await this.#untilUploaded(signal);
  }

  /** One more part of the driver uses it. */
  hold(): void {
    this.#holders += 1;
  }

  /** One part less does; with the last it ends. */
  release(): void {
    this.#holders -= 1;
    if (this.#holders === 0) this.close();
  }

  /** Ends all waiting. */
  close(): void {
    this.#ended.abort(new MeaError('link', { what: 'The driver of RHX was closed', where: this.options.address }));
    this.console.close();
  }

  async #untilUploaded(signal?: AbortSignal): Promise<void> {
    await this.#until('The upload of stimulation parameters', signal, async () => {
      const [inProgress] = await this.read(['UploadInProgress']);
      return inProgress?.toLowerCase() === 'false';
    });
  }

  async #until(what: string, signal: AbortSignal | undefined, isDone: () => Promise<boolean>): Promise<void> {
    const { timers, deadlines, address } = this.options;
    const endMs = timers.nowMs() + deadlines.boardMs;
    while (!(await isDone())) {
      signal?.throwIfAborted();
      if (timers.nowMs() >= endMs) {
        throw new MeaError('deadline', { what: `${what} took longer than ${deadlines.boardMs} ms`, where: address });
      }
      await pause(timers, LOOK_MS, this.#ended.signal);
    }
  }
}

/** RHX's own words, for a message. */
export function describeReply(reply: RhxReply): string {
  if (reply.type === 'error') return `"${reply.text.slice(0, 200)}"`;
  return reply.type === 'number' ? String(reply.value) : `${reply.name} ${reply.value}`;
}

function refused(command: string, got: string): MeaError {
  return new MeaError('refused', { what: `RHX refused '${command.slice(0, 120)}'`, got });
}

/** Batches that fit into one write. */
function cutBatches(commands: readonly RhxCommand[]): readonly (readonly RhxCommand[])[] {
  const batches: RhxCommand[][] = [];
  let bytes = Infinity;
  for (const command of commands) {
    const length = encodeRhxCommands([command]).length;
    if (bytes + length > BATCH_BYTES) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(command);
    bytes += length;
  }
  return batches;
}
