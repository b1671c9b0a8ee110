import type { Link } from '../../protocols/mea-link/link.js';

/** Control messages that may wait for a link that is full; past it the link is as good as dead. */
const MAX_WAITING = 1024;

/** One link to the device, as the device sees it: who it is, how far the data lane has been sent to it. */
export class Peer {
  readonly link: Link;
  /** (16 bytes) what the controller called itself in `hello`; undefined before. */
  clientId: Uint8Array | undefined;
  /** Index of the message of the data lane that is sent next; undefined while none is to be sent. */
  cursor: number | undefined;
  /** Messages that left the ring before its link took them, since it last had everything; 0 while none has. */
  overrun = 0;
  /** Tick at which something was last heard from it. */
  heardAt = 0;
  /** Sequence that its next message should have, and that our next one on the control lane has. */
  expectedSequence = 0;
  controlSequence = 0;
  #closed = false;
  #waiting: Uint8Array[] = [];

  constructor(link: Link) {
    this.link = link;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Sends on the control lane, now or as soon as the link takes it. */
  sendControl(message: Uint8Array): void {
    if (this.#closed) return;
    if (this.#waiting.length === 0 && this.link.send('control', message)) return;
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(message);
  }

  /** Sends what waited; true when nothing waits any more. */
  flushControl(): boolean {
    while (this.#waiting.length > 0) {
      if (!this.link.send('control', this.#waiting[0]!)) return false;
      this.#waiting.shift();
    }
    return true;
  }

  /** No more is sent. The link is closed unless it closed by itself. */
  drop(options: { readonly closeLink: boolean }): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#waiting = [];
    return options.closeLink ? this.link.close() : Promise.resolve();
  }
}
