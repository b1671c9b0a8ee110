import {
  countElectrodes,
  describeArray,
  electrodeNames,
  electrodePositionsUm,
  withRoomFor,
} from '../../../../protocols/array-geometry.js';
import type { Hdf5Command } from '../hdf5-commands.js';
import type { RecordingContents } from '../../recording-contents.js';
import type { NwbObjects } from './nwb-objects.js';
import { labelColumn, writeText } from './nwb-table.js';

/** Version of the schema that is written. */
const NWB_VERSION = '2.7.0';

/** Where the table of electrodes is. */
export const ELECTRODES = '/general/extracellular_ephys/electrodes';

/** The root of the file, and what is known of the recording as a whole. */
export function describeFile({ session }: RecordingContents, objects: NwbObjects, createdAt: string): Hdf5Command[] {
  const { id, kind, startedAt, provenance, device } = session;
  const what = kind === 'run' ? 'experiment of stimuli and responses' : 'recording without stimuli';
  const texts: [string, string | string[]][] = [
    ['/file_create_date', [createdAt]],
    ['/identifier', id],
    ['/session_description', `meactl ${what}, ${provenance}, on ${device.name}`],
    ['/session_start_time', startedAt],
    ['/timestamps_reference_time', startedAt],
  ];
  const groups = ['acquisition', 'analysis', 'processing', 'intervals', 'stimulus', 'general'].map(
    (name) => `/${name}`,
  );
  return [
    ...objects.label({ path: '/', type: 'NWBFile', attributes: { nwb_version: NWB_VERSION } }),
    ...texts.map(([path, value]): Hdf5Command => ({ type: 'text', path, value })),
    ...[...groups, '/stimulus/presentation', '/stimulus/templates'].map((path): Hdf5Command => ({
      type: 'group',
      path,
    })),
    ...describeSession(session),
    ...describeDevice(session, objects),
  ];
}

function describeSession(session: RecordingContents['session']): Hdf5Command[] {
  const { provenance, program, sampleRateHz, raw, seed, configuration } = session;
  const notes = [
    `provenance: ${provenance}`,
    `recorded by meactl ${program.meactl}, node ${program.node}`,
    `raw samples kept: ${raw}`,
    ...(seed === undefined ? [] : [`seed: ${seed}`]),
    `times are samples of the recorder's clock divided by ${sampleRateHz} Hz; time 0 is its sample 0`,
  ];
  return [
    { type: 'text', path: '/general/session_id', value: session.id },
    { type: 'text', path: '/general/notes', value: notes.join('\n') },
    { type: 'text', path: '/general/data_collection', value: JSON.stringify(configuration) },
  ];
}

/** The device, the array as a group of electrodes, and the table of electrodes: one row for each, row by row. */
function describeDevice({ device, array, channels }: RecordingContents['session'], objects: NwbObjects): Hdf5Command[] {
  const devicePath = `/general/devices/${toName(device.name)}`;
  const group = '/general/extracellular_ephys/array';
  const count = Math.max(countElectrodes(array), channels);
  const serial = device.serialNumber === undefined ? '' : `, serial number ${device.serialNumber}`;
  const description = describeArray(array);
  return [
    { type: 'group', path: '/general/devices' },
    ...objects.group({ path: devicePath, type: 'Device', attributes: { description: `${device.name}${serial}` } }),
    { type: 'group', path: '/general/extracellular_ephys' },
    ...objects.group({ path: group, type: 'ElectrodeGroup', attributes: { description, location: 'culture' } }),
    { type: 'soft-link', path: `${group}/device`, target: devicePath },
    ...describeElectrodes(objects, { array, group, count }),
  ];
}

interface Electrodes {
  readonly array: RecordingContents['session']['array'];
  readonly group: string;
  readonly count: number;
}

function describeElectrodes(objects: NwbObjects, { array, group, count }: Electrodes): Hdf5Command[] {
  const positions = electrodePositionsUm(withRoomFor(array, count));
  const axes = [
    { name: 'rel_x', description: 'x in the array, micrometres', axis: 'x' },
    { name: 'rel_y', description: 'y in the array, micrometres', axis: 'y' },
  ] as const;
  const known = positions === undefined ? [] : axes;
  const names = electrodeNames(array);
  const named = names === undefined ? [] : ['electrode_name'];
  const order = ['location', 'group', 'group_name', ...named, ...known.map(({ name }) => name)];
  const description = `electrodes of the array, ${'rows' in array ? 'row by row from 0' : 'from 0'}`;
  return [
    ...objects.group({ path: ELECTRODES, type: 'DynamicTable', attributes: { description, colnames: order } }),
    {
      type: 'numbers',
      path: `${ELECTRODES}/id`,
      dtype: '<i',
      data: Int32Array.from({ length: count }, (_, i) => i),
      shape: [count],
    },
    ...objects.label({ path: `${ELECTRODES}/id`, type: 'ElementIdentifiers' }),
    ...writeText(objects, ELECTRODES, {
      name: 'location',
      description: 'where the electrode is',
      value: new Array<string>(count).fill('culture'),
    }),
    { type: 'references', path: `${ELECTRODES}/group`, targets: new Array<string>(count).fill(group) },
    ...objects.label({
      path: `${ELECTRODES}/group`,
      type: 'VectorData',
      attributes: { description: 'group of the electrode' },
    }),
    ...writeText(objects, ELECTRODES, {
      name: 'group_name',
      description: 'name of that group',
      value: new Array<string>(count).fill('array'),
    }),
    ...(names === undefined
      ? []
      : writeText(objects, ELECTRODES, {
          name: 'electrode_name',
          description: 'what it is called on the array',
          value: Array.from({ length: count }, (_, i) => names[i] ?? ''),
        })),
    ...known.flatMap(({ name, description: about, axis }): Hdf5Command[] => [
      {
        type: 'numbers',
        path: `${ELECTRODES}/${name}`,
        dtype: '<f',
        data: Float32Array.from({ length: count }, (_, i) => positions?.[i]?.[axis] ?? NaN),
        shape: [count],
      },
      ...labelColumn(objects, ELECTRODES, { name, description: about, dtype: '<f' }),
    ]),
  ];
}

/** A name that a path can hold. */
function toName(text: string): string {
  return text.replaceAll(/[/:]/g, '-') || 'device';
}
