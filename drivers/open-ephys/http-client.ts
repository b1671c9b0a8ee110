import { request } from 'node:http';

import { MeaError, type ErrorTag } from '../../protocols/errors.js';
import type { HttpRequest } from '../../protocols/open-ephys/http-api.js';
import type { Timers } from '../../protocols/timers.js';

/** An answer that is longer is none of the program's. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Of a text that a person should see. */
const SHOWN_LETTERS = 120;

export interface HttpPlace {
  readonly host: string;
  readonly port: number;
  readonly timers: Timers;
}

export interface AskBounds {
  readonly delayMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks the remote control once, on a connection of its own.
 *
 * @returns the body of an answer with status 200
 * @throws MeaError `link` where nobody listens, or somebody who is not Open Ephys; `refused` for a status 400;
 *   `deadline` without an answer; the signal's reason when it is aborted
 */
export async function askHttp(place: HttpPlace, asked: HttpRequest, bounds: AskBounds): Promise<string> {
  const { status, body } = await exchange(place, asked, bounds);
  if (status === 200) return body;
  const got = `${status} ${body.slice(0, SHOWN_LETTERS)}`.trim();
  if (status === 400) throw problem('refused', place, { asked, got, remedy: 'see the log of Open Ephys' });
  throw problem('link', place, {
    asked,
    got,
    remedy: 'is this the port of Open Ephys (37497), and the program of version 0.6 or later?',
  });
}

interface Exchanged {
  readonly status: number;
  readonly body: string;
}

function exchange(place: HttpPlace, asked: HttpRequest, { delayMs, signal }: AskBounds): Promise<Exchanged> {
  const { host, port, timers } = place;
  return new Promise((resolve, reject) => {
    const settle = (settlement: () => void): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
      outgoing.destroy();
      settlement();
    };
    const fail = (error: Error): void => {
      settle(() => {
        reject(error);
      });
    };
    const onAbort = (): void => {
      const reason: unknown = signal?.reason;
      fail(reason instanceof Error ? reason : new Error(String(reason)));
    };
    const body = asked.body === null ? null : Buffer.from(asked.body);
    const headers = body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    const outgoing = request({ host, port, method: asked.method, path: asked.path, headers, agent: false });
    const cancel = timers.after(delayMs, () => {
      fail(problem('deadline', place, { asked, got: `no answer in ${delayMs} ms`, remedy: 'is a dialog of it open?' }));
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    outgoing.on('error', (error) => {
      const { got, remedy } = explain(error);
      fail(problem('link', place, { asked, got, remedy, cause: error }));
    });
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) fail(problem('link', place, { asked, got: 'an endless answer', ...STRANGER }));
      });
      response.on('end', () => {
        settle(() => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      });
      response.on('error', (error) => {
        fail(problem('link', place, { asked, got: `an answer that broke off: ${error.message}`, ...STRANGER }));
      });
    });
    if (signal?.aborted === true) onAbort();
    else outgoing.end(body ?? undefined);
  });
}

const STRANGER = { remedy: 'something else listens there; the remote control of Open Ephys is on port 37497' } as const;

function explain(error: NodeJS.ErrnoException): { readonly got: string; readonly remedy: string } {
  if (error.code === 'ECONNREFUSED') {
    return {
      got: 'connection refused',
      remedy: 'start Open Ephys 0.6 or later; is its HTTP server enabled (File menu)?',
    };
  }
  if (error.code?.startsWith('HPE_') === true) return { got: `no HTTP (${error.code})`, ...STRANGER };
  return { got: error.message, remedy: 'is Open Ephys running, and is the host right?' };
}

interface Problem {
  readonly asked: HttpRequest;
  readonly got: string;
  readonly remedy: string;
  readonly cause?: unknown;
}

function problem(tag: ErrorTag, { host, port }: HttpPlace, { asked, got, remedy, cause }: Problem): MeaError {
  const where = `${asked.method} http://${host}:${port}${asked.path}`;
  return new MeaError(tag, { what: 'Open Ephys did not do what it was asked', got, where, remedy }, { cause });
}
