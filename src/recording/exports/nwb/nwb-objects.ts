import { createHash } from 'node:crypto';
import type { Hdf5Command } from '../hdf5-commands.js';

/** Types of the table schema; all others are of NWB's core. */
const COMMON = new Set(['DynamicTable', 'VectorData', 'VectorIndex', 'ElementIdentifiers', 'DynamicTableRegion']);

/** Attributes of an object beside those that every typed object has. */
export type NwbAttributes = Readonly<Record<string, string | readonly string[] | number>>;

/** A typed object of an NWB file. */
export interface NwbObject {
  readonly path: string;
  readonly type: string;
  readonly attributes?: NwbAttributes;
}

/** Makes the commands for the objects of one file. Their ids follow from the recording's, so that an export can be repeated. */
export interface NwbObjects {
  group(object: NwbObject): Hdf5Command[];
  /** What makes an object of a dataset that is there already. */
  label(object: NwbObject): Hdf5Command[];
}

/** @param recording id of the recording */
export function createNwbObjects(recording: string): NwbObjects {
  const id = (path: string): string => toUuid(`${recording}${path}`);
  const label = ({ path, type, attributes = {} }: NwbObject): Hdf5Command[] => {
    const namespace = COMMON.has(type) ? 'hdmf-common' : 'core';
    const all = { namespace, neurodata_type: type, object_id: id(path), ...attributes };
    return Object.entries(all).map(([name, value]) => ({ type: 'attribute', path, name, value }));
  };
  return {
    label,
    group: (object) => [{ type: 'group', path: object.path }, ...label(object)],
  };
}

/** A UUID of a name (RFC 9562, version 5, with a name space of this program's own). */
function toUuid(name: string): string {
  const bytes = createHash('sha1').update(`meactl nwb ${name}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
