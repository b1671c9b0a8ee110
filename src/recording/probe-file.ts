/** An array of electrodes in rows and columns. */
interface ArrayShape {
  readonly rows: number;
  readonly columns: number;
  readonly pitchUm?: number | undefined;
}

/**
 * The array as probeinterface has it. Without a known distance between neighbours positions count electrodes, and it says
 * so.
 */
export function describeProbe({ rows, columns, pitchUm }: ArrayShape): unknown {
  const electrodes = Array.from({ length: rows * columns }, (_, i) => i);
  const pitch = pitchUm ?? 1;
  return {
    specification: 'probeinterface',
    version: '0.3.0',
    probes: [
      {
        ndim: 2,
        si_units: 'um',
        annotations: {
          name: `MEA ${rows} x ${columns}`,
          remark: `${pitchUm === undefined ? 'the pitch is not known, positions count electrodes; ' : ''}the size of the contacts is not known, circles of an eighth of the pitch stand for them`,
        },
        contact_positions: electrodes.map((i) => [(i % columns) * pitch, Math.floor(i / columns) * pitch]),
        contact_plane_axes: electrodes.map(() => [
          [1, 0],
          [0, 1],
        ]),
        contact_shapes: electrodes.map(() => 'circle'),
        contact_shape_params: electrodes.map(() => ({ radius: pitch / 8 })),
        contact_ids: electrodes.map((i) => `E${i}`),
        shank_ids: electrodes.map(() => ''),
        device_channel_indices: electrodes,
      },
    ],
  };
}
