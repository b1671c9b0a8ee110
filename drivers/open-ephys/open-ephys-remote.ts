import { MeaError } from '../../protocols/errors.js';
import {
  HTTP_REQUESTS,
  parseMode,
  parseProcessors,
  parseRecording,
  type HttpRequest,
  type OpenEphysMode,
  type Processor,
  type RecordingSettings,
  type RecordingStatus,
} from '../../protocols/open-ephys/http-api.js';
import { askHttp, type HttpPlace } from './http-client.js';

export interface RemoteOptions extends HttpPlace {
  /** An answer over HTTP. */
  readonly httpMs: number;
  /** An answer to a change of mode, which opens hardware and files. */
  readonly startMs: number;
}

/**
 * The remote control of Open Ephys over HTTP. Methods throw MeaError: `link` where nobody listens or somebody else does,
 * `refused` where the program does not do it, `deadline` without an answer.
 */
export class OpenEphysRemote {
  readonly #options: RemoteOptions;
  #hasBegunRecording = false;

  constructor(options: RemoteOptions) {
    this.#options = options;
  }

  /** True while a recording runs, as far as was heard, that `startRecording` began. */
  get hasBegunRecording(): boolean {
    return this.#hasBegunRecording;
  }

  /** What the program does. */
  async mode(signal?: AbortSignal): Promise<OpenEphysMode> {
    return this.#readMode(await this.#ask(HTTP_REQUESTS.status(), signal));
  }

  /**
   * Brings the program to a mode and returns the one that it then has: it ignores what it cannot do. `ACQUIRE` ends a
   * recording.
   */
  async setMode(mode: OpenEphysMode, signal?: AbortSignal): Promise<OpenEphysMode> {
    const body = await askHttp(this.#options, HTTP_REQUESTS.setMode(mode), {
      delayMs: this.#options.startMs,
      signal,
    });
    return this.#readMode(body);
  }

  /**
   * A text for all processors: how plugins are driven.
   *
   * @throws MeaError `refused` while the program does not acquire: it would tell nobody
   */
  async sendMessage(text: string, signal?: AbortSignal): Promise<void> {
    const mode = this.#readMode(await this.#ask(HTTP_REQUESTS.message(text), signal));
    if (mode !== 'IDLE') return;
    throw new MeaError('refused', {
      what: 'Open Ephys passes messages on only while it acquires',
      got: mode,
      where: this.#where,
      remedy: 'start the acquisition first',
    });
  }

  /** How and where the program records. */
  async recording(signal?: AbortSignal): Promise<RecordingStatus> {
    return this.#read(await this.#ask(HTTP_REQUESTS.recording(), signal), parseRecording);
  }

  /** Sets how and where the program records from now on; what is not told stays. */
  async setRecording(settings: RecordingSettings, signal?: AbortSignal): Promise<RecordingStatus> {
    return this.#read(await this.#ask(HTTP_REQUESTS.setRecording(settings), signal), parseRecording);
  }

  /**
   * Lets the program record, with settings where they are given.
   *
   * @throws MeaError `refused` when it records already, or does not for want of a Record Node
   */
  async startRecording(settings: RecordingSettings | null, signal?: AbortSignal): Promise<RecordingStatus> {
    if ((await this.mode(signal)) === 'RECORD') {
      const what = 'Open Ephys records already';
      throw new MeaError('refused', { what, where: this.#where, remedy: 'let it, or stop it in its window' });
    }
    if (settings !== null) await this.setRecording(settings, signal);
    const mode = await this.setMode('RECORD', signal);
    if (mode === 'RECORD') {
      this.#hasBegunRecording = true;
      return this.recording(signal);
    }
    throw new MeaError('refused', {
      what: 'Open Ephys does not record',
      got: mode,
      wanted: 'RECORD',
      where: this.#where,
      remedy: 'put a Record Node into the signal chain',
    });
  }

  /** Ends the recording that `startRecording` began, and no other; the acquisition goes on. */
  async stopRecording(signal?: AbortSignal): Promise<void> {
    await this.mode(signal);
    if (this.#hasBegunRecording) await this.setMode('ACQUIRE', signal);
  }

  /** The signal chain. */
  async processors(signal?: AbortSignal): Promise<readonly Processor[]> {
    return this.#read(await this.#ask(HTTP_REQUESTS.processors(), signal), parseProcessors);
  }

  get #where(): string {
    return `http://${this.#options.host}:${this.#options.port}`;
  }

  #ask(asked: HttpRequest, signal?: AbortSignal): Promise<string> {
    return askHttp(this.#options, asked, { delayMs: this.#options.httpMs, signal });
  }

  /** A recording that has ended, however it did, is no longer ours. */
  #readMode(body: string): OpenEphysMode {
    const mode = this.#read(body, parseMode);
    if (mode !== 'RECORD') this.#hasBegunRecording = false;
    return mode;
  }

  #read<T>(body: string, parse: (body: string) => T | null): T {
    const value = parse(body);
    if (value !== null) return value;
    throw new MeaError('link', {
      what: 'An answer that is none of Open Ephys',
      got: JSON.stringify(body.slice(0, 120)),
      where: this.#where,
      remedy: 'something else listens there; the remote control of Open Ephys is on port 37497',
    });
  }
}
