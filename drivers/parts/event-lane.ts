import type { Observable } from 'rxjs';
import { sampleIndex, type SampleIndex } from '../../protocols/units.js';
import type { DeviceEvent, LaneEvent } from '../mea-link/device-event.js';
import { EventOutlet } from '../mea-link/event-outlet.js';

type Unnumbered<E> = E extends { readonly sequence: number } ? Omit<E, 'sequence'> : never;

/** What a device that counts its messages itself would number. */
export type LaneMessage = Unnumbered<LaneEvent>;

/** All that a combined device tells, in one order; what a device would number is numbered here. */
export class EventLane {
  readonly #outlet = new EventOutlet();
  #sequence = 0;
  /** The sample after the newest one at hand. */
  nextSample: SampleIndex = sampleIndex(0);

  get events$(): Observable<DeviceEvent> {
    return this.#outlet.events$;
  }

  /** That the next message will have. */
  get nextSequence(): number {
    return this.#sequence;
  }

  tell(message: LaneMessage): void {
    const sequence = this.takeSequence();

    this.emit({ ...message, sequence });
  }

  takeSequence(): number {
    const sequence = this.#sequence;
    this.#sequence += 1;
    return sequence;
  }

  /** What has no number, or its own. */
  emit(event: DeviceEvent): void {
    this.#outlet.emit(event);
  }

  /** A fault of the stimulator, or of whoever else stimulates. */
  fault(message: string, atSample: SampleIndex = this.nextSample): void {
    this.tell({ type: 'fault', atSample, code: 'stimulator', message });
  }

  log(level: 'info' | 'warn', message: string): void {
    this.tell({ type: 'log', level, message });
  }

  warn(message: string): void {
    this.emit({ type: 'driver-warning', message });
  }

  /** Nothing comes any more. */
  complete(): void {
    this.#outlet.complete();
  }
}
