import { closeSync, openSync, writeSync } from 'node:fs';

import { MeaError } from '../protocols/errors.js';

/** Bytes that wait in memory before they are written. */
const FLUSH_BYTES = 64 * 1024;

/** A file of JSON lines that is written as it grows. */
export class LineFile {
  readonly #file: number;
  #waiting: string[] = [];
  #bytes = 0;

  /** @throws MeaError `exists` when the file is there already, `missing` when it cannot be made */
  constructor(path: string) {
    this.#file = openNew(path);
  }

  write(value: unknown): void {
    const line = `${JSON.stringify(value)}\n`;
    this.#waiting.push(line);
    this.#bytes += line.length;
    if (this.#bytes >= FLUSH_BYTES) this.flush();
  }

  /** @throws the system's error when the disk refuses */
  flush(): void {
    const bytes = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#bytes = 0;
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#file, bytes, written);
  }

  close(): void {
    this.flush();
    closeSync(this.#file);
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx');
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const got = error instanceof Error ? error.message : String(error);
    throw exists
      ? new MeaError('exists', { what: 'The file is there already', where: path, remedy: 'name a new one' })
      : new MeaError('missing', { what: 'The file cannot be made', got, where: path }, { cause: error });
  }
}
