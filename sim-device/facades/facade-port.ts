import { EventEmitter } from 'node:events';
import type { SerialPortLike } from '../../protocols/mea-link/serial-link.js';
import type { SerialFacade } from './serial-facade.js';

/**
 * A port in this process that leads to a facade. What the device says comes in pieces of at most `pieceBytes`, a turn later,
 * as from a line.
 */
export class FacadePort extends EventEmitter implements SerialPortLike {
  /** Everything that was written, message by message. */
  readonly written: Uint8Array[] = [];
  readonly #facade: SerialFacade;
  #isOpen = true;
  #isBlocked = false;
  /** What the line was given while it took nothing. */
  #held: (() => void)[] = [];

  constructor(facade: SerialFacade, pieceBytes = 64) {
    super();
    this.#facade = facade;
    facade.onBytes((bytes) => {
      for (let at = 0; at < bytes.length; at += pieceBytes) this.#hand(bytes.slice(at, at + pieceBytes));
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  write(bytes: Uint8Array, done: (error: Error | null | undefined) => void): boolean {
    const copy = bytes.slice();
    const take = (): void => {
      this.written.push(copy);
      queueMicrotask(() => {
        if (this.#isOpen) this.#facade.receive(copy);
        done(this.#isOpen ? null : new Error('Port is not open'));
      });
    };
    if (this.#isBlocked) this.#held.push(take);
    else take();
    return !this.#isBlocked;
  }

  close(done: (error: Error | null) => void): void {
    this.#isOpen = false;
    this.#held = [];
    queueMicrotask(() => {
      this.emit('close', null);
      done(null);
    });
  }

  /** Pulls the cable: the port is gone. */
  unplug(): void {
    this.#isOpen = false;
    this.emit('close', new Error('disconnected'));
  }

  /** From now on the line takes nothing, and says nothing of it. */
  block(): void {
    this.#isBlocked = true;
  }

  /** The line moves again: what it was given meanwhile leaves, where the port is still open. */
  unblock(): void {
    this.#isBlocked = false;
    for (const take of this.#held.splice(0)) take();
  }

  #hand(piece: Uint8Array): void {
    queueMicrotask(() => {
      if (this.#isOpen) this.emit('data', piece);
    });
  }
}
