import { Subject, type Observable } from 'rxjs';
import type { DeviceEvent } from './device-event.js';

/**
 * Hands events to all subscribers at once, in one order: an event that comes while another is handed out waits for it.
 * A subscriber that throws harms neither the others nor the driver; rxjs reports its error to the process.
 */
export class EventOutlet<E = DeviceEvent> {
  readonly events$: Observable<E>;
  readonly #subject = new Subject<E>();
  #waiting: E[] = [];
  #isEmitting = false;
  #ends = false;

  constructor() {
    this.events$ = this.#subject.asObservable();
  }

  emit(event: E): void {
    if (this.#ends) return;
    this.#waiting.push(event);
    this.#flush();
  }

  /** No event comes any more. */
  complete(): void {
    this.#ends = true;
    this.#flush();
  }

  #flush(): void {
    if (this.#isEmitting) return;
    this.#isEmitting = true;
    while (this.#waiting.length > 0) {
      const events = this.#waiting;
      this.#waiting = [];
      for (const event of events) this.#subject.next(event);
    }
    this.#isEmitting = false;
    if (this.#ends) this.#subject.complete();
  }
}
