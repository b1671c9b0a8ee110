import { isValueList, type Hdf5Value } from '../hdf5/hdf5-messages.js';

/** A text of the file without the blanks and line ends that fill it up; empty where there is none. */
export function trimmed(value: Hdf5Value | undefined): string {
  if (isValueList(value)) return trimmed(value[0]);
  return typeof value === 'string' ? value.replaceAll('\0', '').trim() : '';
}
