import { closeSync, openSync, writeSync } from 'node:fs';

/** Bytes that wait in memory before they are written. */
const FLUSH_BYTES = 64 * 1024;

/** A file of JSON lines that is written as it grows. */
export class LineFile {
  readonly #file: number;
  #waiting: string[] = [];
  #bytes = 0;

  /** @throws the system's error when the file is there already or cannot be made */
  constructor(path: string) {
    this.#file = openSync(path, 'wx');
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
