import type { WireError } from '../../protocols/wire-error.js';
import type { RecorderNotice, RecorderOptions } from './recorder.js';

/** What the thread of a recorder is started with. */
export interface RecorderThreadData extends Pick<
  RecorderOptions,
  'folder' | 'session' | 'probe' | 'continued' | 'syncMs' | 'reserveBytes'
> {
  readonly isRecorder: true;
  /** Address of a module whose `createDisk` makes the disk; the system's by default. */
  readonly diskProgram?: string;
  /** Wall time less the host's time, in ms. */
  readonly wallOffsetMs: number;
}

/** True for what `startRecorder` starts a thread with. */
export function isRecorderThreadData(value: unknown): value is RecorderThreadData {
  return typeof value === 'object' && value !== null && 'isRecorder' in value;
}

/** Records as they cross: kind, length of the bytes, three numbers, then bytes; see `ITEM`. */
export type ToRecorder =
  { readonly type: 'batch'; readonly bytes: ArrayBuffer; readonly used: number } | { readonly type: 'close' };

type Told<N> = N extends { readonly error: unknown } ? Omit<N, 'error'> & { readonly error: WireError } : N;

export type FromRecorder =
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly error: WireError }
  | { readonly type: 'done'; readonly bytes: number; readonly buffer: ArrayBuffer }
  | { readonly type: 'notice'; readonly notice: Told<RecorderNotice> }
  | { readonly type: 'closed'; readonly error: WireError | undefined };

/** Kinds of records on their way to the thread. */
export const ITEM = {
  block: 1,
  spikes: 2,
  event: 3,
  ledger: 4,
  latency: 5,
  model: 6,
  snippets: 7,
} as const;

/** Head of a record: kind, length (u32), three numbers (f64). A multiple of 8. */
export const ITEM_HEAD_BYTES = 32;

/** Records begin at multiples of 8. */
export function paddedLength(bytes: number): number {
  return (bytes + 7) & ~7;
}
