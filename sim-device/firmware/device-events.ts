import type { ControlMessage, DataMessage } from '../../protocols/mea-link/messages.js';

type WithoutSequence<T> = T extends unknown ? Omit<T, 'sequence'> : never;

/** A message of the data lane before it has its number. */
export type DataBody = WithoutSequence<DataMessage>;

/** A message of the control lane before it has its number. */
export type ControlBody = WithoutSequence<ControlMessage>;
