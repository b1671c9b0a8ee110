import { MeaError, isMeaError, type ErrorDetails, type ErrorTag } from './errors.js';

/** An error between threads: a class does not survive being copied. */
export interface WireError {
  readonly tag: ErrorTag;
  readonly details: ErrorDetails;
  readonly stack: string;
  readonly cause?: WireError;
}

/** Causes that are kept. */
const MAX_CAUSES = 4;

/** The error as data; one that is not ours becomes `internal`. */
export function toWireError(error: unknown, causes = MAX_CAUSES): WireError {
  const isError = error instanceof Error;
  const hasCause = isError && error.cause !== undefined && causes > 0;
  return {
    tag: isMeaError(error) ? error.tag : 'internal',
    details: isMeaError(error) ? error.details : { what: isError ? `${error.name}: ${error.message}` : String(error) },
    stack: isError ? (error.stack ?? '') : '',
    ...(hasCause && { cause: toWireError(error.cause, causes - 1) }),
  };
}

/** The error with its tag, its fields and its cause, and with the stack of the thread in which it was made. */
export function fromWireError({ tag, details, stack, cause }: WireError): MeaError {
  const error = new MeaError(tag, details, cause === undefined ? {} : { cause: fromWireError(cause) });
  if (stack !== '') error.stack = stack;
  return error;
}
