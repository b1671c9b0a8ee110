import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MeaError } from '../../../../protocols/errors.js';
import type { ReaderLimits } from '../reader-options.js';
import type {
  FromHdf5Thread,
  Hdf5Answer,
  Hdf5Dataset,
  Hdf5Entry,
  Hdf5Numbers,
  Hdf5Request,
  Hdf5ThreadData,
  Hdf5Value,
  ToHdf5Thread,
} from './hdf5-messages.js';

/** How to open an HDF5 file. */
export interface Hdf5FileOptions {
  readonly limits: ReaderLimits;
  /** The compiled program of the thread; beside this module by default. */
  readonly program?: URL | undefined;
}

/** Most bytes that one request may bring; readers ask for more in pieces. */
export const MAX_REQUEST_BYTES = 2 ** 26;

/** Objects of the thread's own, in MiB; the library's memory is bounded apart. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 64 };

interface Pending {
  readonly resolve: (answer: Hdf5Answer) => void;
  readonly reject: (error: MeaError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * An HDF5 file that is read in a thread of its own, in pieces. A file that makes the library fail, hang or take too much memory
 * costs its thread, and every request from then on is an error `bad-format`. Close it.
 */
export class Hdf5File {
  readonly path: string;
  readonly limits: ReaderLimits;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #lost: MeaError | undefined;
  #closing: Promise<void> | undefined;

  private constructor(path: string, limits: ReaderLimits, worker: Worker) {
    this.path = path;
    this.limits = limits;
    this.#worker = worker;
    worker.on('message', ({ id, answer }: FromHdf5Thread) => {
      this.#settle(id, answer);
    });
    worker.on('error', (error) => {
      this.#lose(`the HDF5 library failed: ${error.message}`);
    });
    worker.on('exit', () => {
      this.#lose('the HDF5 library gave up');
    });
    // What the library prints is in its errors.
    worker.stdout.resume();
    worker.stderr.resume();
    // A file that was forgotten open does not keep the process; a request does, by its timer.
    worker.unref();
  }

  /** @throws MeaError `bad-format` when it is no HDF5 file that can be opened; `internal` without the thread's program */
  static async open(path: string, { limits, program }: Hdf5FileOptions): Promise<Hdf5File> {
    const url = program ?? new URL('./hdf5-thread.js', import.meta.url);
    const workerData: Hdf5ThreadData = { path: resolve(path), memoryBytes: limits.memoryBytes };
    const worker = new Worker(url, { workerData, stdout: true, stderr: true, resourceLimits: RESOURCE_LIMITS });
    const file = new Hdf5File(path, limits, worker);
    try {
      await file.#wait(0);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Links of a group; none where there is no such group. */
  async list(path: string): Promise<readonly Hdf5Entry[]> {
    const answer = await this.#ask({ type: 'list', path });
    return answer.type === 'entries' ? answer.entries : [];
  }

  /** What a dataset is; undefined where there is none of that name. */
  async describe(path: string): Promise<Hdf5Dataset | undefined> {
    const answer = await this.#ask({ type: 'describe', path });
    return answer.type === 'dataset' ? answer.dataset : undefined;
  }

  async attributes(path: string): Promise<Readonly<Record<string, Hdf5Value>>> {
    const answer = await this.#ask({ type: 'attributes', path });
    return answer.type === 'attributes' ? answer.attributes : {};
  }

  /**
   * Numbers of a part of a dataset, at most `MAX_REQUEST_BYTES`, in C order.
   *
   * @param ranges [from, to) for each dimension
   */
  async numbers(path: string, ranges: readonly (readonly [number, number])[]): Promise<Hdf5Numbers> {
    const answer = await this.#ask({ type: 'numbers', path, ranges });
    if (answer.type === 'numbers') return answer.numbers;
    throw this.#unexpected(path);
  }

  /** Values [from, to) of one dimension: texts, numbers, or lists of the members of compound values. */
  async rows(path: string, range: readonly [number, number]): Promise<readonly Hdf5Value[]> {
    const answer = await this.#ask({ type: 'rows', path, range });
    return answer.type === 'rows' ? answer.rows : [];
  }

  /** Members of compound values [from, to), a column each. */
  async columns(
    path: string,
    names: readonly string[],
    range: readonly [number, number],
  ): Promise<readonly Float64Array<ArrayBuffer>[]> {
    const answer = await this.#ask({ type: 'columns', path, names, range });
    if (answer.type === 'columns' && answer.columns.length === names.length) return answer.columns;
    throw this.#unexpected(path);
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.#lost ??= new MeaError('bad-input', { what: 'The file was closed', where: this.path });
    this.#closing ??= this.#worker.terminate().then(() => undefined);
    return this.#closing;
  }

  async #ask(request: Hdf5Request): Promise<Hdf5Answer> {
    if (this.#lost !== undefined) throw this.#lost;
    const id = this.#nextId++;
    const answered = this.#wait(id, request.path);
    this.#worker.postMessage({ id, request } satisfies ToHdf5Thread);
    return answered;
  }

  #wait(id: number, path = ''): Promise<Hdf5Answer> {
    const { deadlineMs } = this.limits;
    const answered = new Promise<Hdf5Answer>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#lose(`the HDF5 library did not answer in ${deadlineMs} ms`);
        void this.close();
      }, deadlineMs);
      this.#pending.set(id, { resolve, reject, timer });
    });
    return answered.then((answer) => {
      if (answer.type === 'failed') throw this.#bad(answer.reason, path);
      return answer;
    });
  }

  #settle(id: number, answer: Hdf5Answer): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    this.#pending.delete(id);
    pending.resolve(answer);
  }

  #lose(reason: string): void {
    this.#lost ??= this.#bad(reason, '');
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#lost);
    }
    this.#pending.clear();
  }

  #bad(reason: string, path: string): MeaError {
    return new MeaError('bad-format', {
      what: 'The HDF5 file cannot be read',
      got: reason,
      where: path === '' ? this.path : `${this.path}, ${path}`,
      remedy: 'check that the copy is complete',
    });
  }

  #unexpected(path: string): MeaError {
    return new MeaError('internal', { what: 'Unexpected answer of the HDF5 thread', where: `${this.path}, ${path}` });
  }
}
