import {
  describeArray,
  electrodeNames,
  electrodePlaces,
  electrodePositionsUm,
  type ArrayGeometry,
} from '../../protocols/array-geometry.js';

/**
 * The array as probeinterface has it. Without a known distance between neighbours positions count electrodes, and it says
 * so.
 */
export function describeProbe(array: ArrayGeometry): unknown {
  const positions = electrodePositionsUm(array) ?? electrodePlaces(array);
  const names = electrodeNames(array);
  const { pitchUm } = array;
  const pitch = pitchUm ?? 1;
  return {
    specification: 'probeinterface',
    version: '0.3.0',
    probes: [
      {
        ndim: 2,
        si_units: 'um',
        annotations: {
          name: 'rows' in array ? `MEA ${array.rows} x ${array.columns}` : `MEA of ${describeArray(array)}`,
          remark: `${pitchUm === undefined ? 'the pitch is not known, positions count electrodes; ' : ''}the size of the contacts is not known, circles of an eighth of the pitch stand for them`,
        },
        contact_positions: positions.map(({ x, y }) => [x, y]),
        contact_plane_axes: positions.map(() => [
          [1, 0],
          [0, 1],
        ]),
        contact_shapes: positions.map(() => 'circle'),
        contact_shape_params: positions.map(() => ({ radius: pitch / 8 })),
        contact_ids: positions.map((_, i) => names?.[i] ?? `E${i}`),
        shank_ids: positions.map(() => ''),
        device_channel_indices: positions.map((_, i) => i),
      },
    ],
  };
}
