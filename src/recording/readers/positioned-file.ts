import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { MeaError } from '../../../protocols/errors.js';

/** A file that is read at positions, never as a whole. Close it. */
export class PositionedFile {
  readonly path: string;
  /** Bytes when it was opened; what is appended later is not seen. */
  readonly size: number;
  readonly #handle: FileHandle;
  #isOpen = true;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws MeaError `missing` without such a file; `bad-input` when it is no file, or may not be read */
  static async open(path: string): Promise<PositionedFile> {
    const handle = await open(path, READ_AT_ONCE).catch((cause: unknown) => {
      throw toOpenError(cause, path);
    });
    try {
      const status = await handle.stat();
      if (!status.isFile())
        throw new MeaError('bad-input', { what: 'Not a file', got: 'a folder, device or pipe', where: path });
      return new PositionedFile(path, status.size, handle);
    } catch (error) {
      await handle.close();
      throw toOpenError(error, path);
    }
  }

  /**
   * Fills `target` with the bytes from `position` on.
   *
   * @throws MeaError `bad-format` when the file ends before; `storage` when the disk refuses
   */
  async readInto(target: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await this.#handle
        .read(target, done, Math.min(target.length - done, MAX_READ_BYTES), position + done)
        .catch((cause: unknown) => {
          throw new MeaError(
            'storage',
            { what: 'The disk refused to read', got: textOf(cause), where: `${this.path}, byte ${position + done}` },
            { cause },
          );
        });
      if (bytesRead === 0) throw cutShort(this.path, position, { got: done, wanted: target.length });
      done += bytesRead;
    }
  }

  /** The bytes [position, position + length); errors as `readInto`. A length beyond the file is refused before it is reserved. */
  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (position + length > this.size)
      throw cutShort(this.path, position, { got: Math.max(0, this.size - position), wanted: length });
    const bytes = new Uint8Array(length);
    await this.readInto(bytes, position);
    return bytes;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
  }
}

/** A pipe without a writer would keep `open` waiting for ever; a file does not mind. */
const READ_AT_ONCE = constants.O_RDONLY | constants.O_NONBLOCK;
/** The system takes no more at once than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

function cutShort(path: string, position: number, bytes: { got: number; wanted: number }): MeaError {
  return new MeaError('bad-format', {
    what: 'The file ends early',
    got: `${bytes.got} bytes`,
    wanted: String(bytes.wanted),
    where: `${path}, byte ${position}`,
    remedy: 'check that the copy is complete',
  });
}

function toOpenError(cause: unknown, path: string): MeaError {
  if (cause instanceof MeaError) return cause;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new MeaError('missing', { what: 'No such file', where: path, remedy: 'check the path' }, { cause });
  return new MeaError('bad-input', { what: 'The file cannot be read', got: textOf(cause), where: path }, { cause });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
