import { Observable, defer, takeWhile, type OperatorFunction } from 'rxjs';

/** Work on a stream, without the stream: values in, values out, state inside. A returned list belongs to the caller. */
export interface Stage<In, Out> {
  push(value: In): readonly Out[];
  /** The source has completed: what is left. */
  end(): readonly Out[];
}

/**
 * The operator that runs a stage; each subscription has one of its own. What a stage throws becomes the stream's error.
 * Nothing is queued: all that came of a value has been handed on before the next one is taken.
 */
export function runStage<In, Out>(createStage: () => Stage<In, Out>): OperatorFunction<In, Out> {
  return (source) => defer(() => drive(source, createStage()));
}

function drive<In, Out>(source: Observable<In>, stage: Stage<In, Out>): Observable<Out> {
  return new Observable<Out>((subscriber) => {
    const handOn = (work: () => readonly Out[]): void => {
      let values: readonly Out[];
      try {
        values = work();
      } catch (error) {
        subscriber.error(error);
        return;
      }
      for (const value of values) subscriber.next(value);
    };
    let current: In;
    const pushCurrent = (): readonly Out[] => stage.push(current);
    // A source that gives everything while it is being subscribed can be stopped in no other way.
    return source.pipe(takeWhile(() => !subscriber.closed)).subscribe({
      next: (value) => {
        current = value;
        handOn(pushCurrent);
      },
      error: (error: unknown) => {
        subscriber.error(error);
      },
      complete: () => {
        handOn(() => stage.end());
        subscriber.complete();
      },
    });
  });
}
