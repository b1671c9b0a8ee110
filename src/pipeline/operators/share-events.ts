import { Subject, share, type MonoTypeOperatorFunction } from 'rxjs';

/**
 * One subscription to the source for all receivers; each receives from the time of its own subscribing on.
 *
 * Nothing restarts a device or a detector by itself: who comes after the end, or after an error, gets that end. When the
 * last receiver has left, the source is let go, and the next one begins anew. A receiver's own operators may throw: the
 * error is theirs, and neither the source nor the other receivers see it.
 */
export function shareEvents<T>(): MonoTypeOperatorFunction<T> {
  return share({
    connector: () => new Subject<T>(),
    resetOnError: false,
    resetOnComplete: false,
    resetOnRefCountZero: true,
  });
}
