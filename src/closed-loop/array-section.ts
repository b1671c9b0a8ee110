import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { countElectrodes, type ArrayGeometry } from '../../protocols/array-geometry.js';
import { ARRAY_LAYOUTS, layOutMaxOne, layOutMcs60, layOutSquare64, MAXONE, MCS_REFERENCE } from './array-layouts.js';

const ELECTRODE = z.int().min(0).max(65_535);
const LINE = z.int().min(1).max(64);

/** Schema of a rig file's `array` section: a grid, a layout that is known by name, or a probe file. */
export const arraySectionSchema = z
  .strictObject({
    rows: LINE.optional().describe('Rows of the array, with `columns`.'),
    columns: LINE.optional().describe('Columns of the array, with `rows`.'),
    pitchUm: z
      .number()
      .positive()
      .optional()
      .describe(
        'Distance between neighbours in micrometres, of rows and columns or the layout `8x8`; recordings then hold where each electrode is.',
      ),
    layout: z
      .enum(ARRAY_LAYOUTS)
      .optional()
      .describe(
        'An array by name. `8x8`: eight rows of eight. `mcs-60`: the 60 electrodes of Multi Channel Systems, 8 x 8 without corners, 200 um apart, numbered as their names of column and row rise: electrode 0 is the one called 12, electrode 1 is 13, electrode 6 is 21, electrode 59 is 87. `maxone`: sites of 220 x 120, 17.5 um apart, those in `electrodes`.',
      ),
    electrodes: z
      .array(
        z
          .int()
          .min(0)
          .max(MAXONE.sites - 1),
      )
      .min(2)
      .max(MAXONE.mostRouted)
      .optional()
      .describe('The sites of `maxone` that are routed: electrode 0 is the first of them.'),
    probe: z
      .string()
      .min(1)
      .max(1000)
      .optional()
      .describe(
        'A probe file (JSON of probeinterface, one probe), by its path from the rig file. Electrodes are its contacts in their order, drawn with y downwards; its `device_channel_indices` are the channels of a combined recorder without `channels`.',
      ),
    contacts: z
      .strictObject({
        pitchUm: z.number().positive().describe('Least distance between two of them.'),
        positionsUm: z
          .array(z.tuple([z.number(), z.number()]))
          .min(2)
          .max(4096)
          .describe('Where each is, x and y.'),
        names: z.array(z.string()).optional().describe('What each is called.'),
      })
      .optional()
      .describe('What the probe file said: a recording holds it, so that it needs no other file. Leave it out.'),
    reference: z
      .array(ELECTRODE)
      .optional()
      .describe(
        'Electrodes that are the reference of the array: never pulsed, not looked at for spikes. Electrode 3 of `mcs-60` (called 15, the reference inside the array) unless `[]` says that the array has none; elsewhere none. As with `detection.excluded`, the counts of an emulator without voltages do not go by it.',
      ),
  })
  .superRefine((array, context) => {
    for (const { path, message, input } of findMistakes(array)) {
      context.addIssue({ code: 'custom', path: [...path], message, input });
    }
  });

/** A checked section. */
export type ArraySection = Readonly<z.infer<typeof arraySectionSchema>>;

interface Mistake {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly input: unknown;
}

function findMistakes(array: ArraySection): readonly Mistake[] {
  const mistakes = [...findSortMistakes(array), ...findKeyMistakes(array)];
  array.electrodes?.forEach((site, i, all) => {
    if (all.indexOf(site) !== i) mistakes.push({ path: ['electrodes', i], message: 'each site once', input: site });
  });
  const geometry = findGeometry(array);
  const count = geometry === undefined ? Infinity : countElectrodes(geometry);
  array.reference?.forEach((electrode, i, all) => {
    if (electrode < count && all.indexOf(electrode) === i) return;
    const message = electrode < count ? 'each electrode once' : `electrodes from 0 to ${count - 1}`;
    mistakes.push({ path: ['reference', i], message, input: electrode });
  });
  return mistakes;
}

/** An array is of one sort. */
function findSortMistakes({ rows, columns, layout, probe }: ArraySection): readonly Mistake[] {
  const hasGrid = rows !== undefined || columns !== undefined;
  const sorts = [
    ...(hasGrid ? ['rows and columns'] : []),
    ...(layout === undefined ? [] : ['layout']),
    ...(probe === undefined ? [] : ['probe']),
  ];
  if (sorts.length > 1) return [{ path: [], message: `one of ${sorts.join(', ')}`, input: sorts.join(', ') }];
  if (sorts.length === 0)
    return [{ path: ['rows'], message: 'number of rows, or `layout`, or `probe`', input: undefined }];
  if (!hasGrid) return [];
  if (columns === undefined) return [{ path: ['columns'], message: 'number of columns', input: columns }];
  return rows === undefined ? [{ path: ['rows'], message: 'number of rows', input: rows }] : [];
}

/** What goes with one sort of array alone. */
function findKeyMistakes(array: ArraySection): readonly Mistake[] {
  const { pitchUm, layout, electrodes, probe, contacts } = array;
  const mistakes: Mistake[] = [];
  const expectKey = (key: keyof ArraySection, isFitting: boolean, message: string): void => {
    if (!isFitting) mistakes.push({ path: [key], message, input: array[key] });
  };
  const isKnown = probe !== undefined || layout === 'mcs-60' || layout === 'maxone';
  expectKey('pitchUm', pitchUm === undefined || !isKnown, 'no such key: the distances of this array are known');
  if (layout === 'maxone') expectKey('electrodes', electrodes !== undefined, 'the sites that are routed');
  else expectKey('electrodes', electrodes === undefined, 'no such key but for maxone');
  if (probe === undefined) expectKey('contacts', contacts === undefined, 'no such key without `probe`');
  else expectKey('contacts', contacts !== undefined, 'the contacts of the probe file');
  if (contacts?.names === undefined || contacts.names.length === contacts.positionsUm.length) return mistakes;
  const message = `${contacts.positionsUm.length} names`;
  return [...mistakes, { path: ['contacts', 'names'], message, input: contacts.names.length }];
}

/** The geometry of a section; undefined for one that is not valid. */
export function findGeometry({
  rows,
  columns,
  pitchUm,
  layout,
  electrodes,
  contacts,
}: ArraySection): ArrayGeometry | undefined {
  if (layout === '8x8') return layOutSquare64(pitchUm);
  if (layout === 'mcs-60') return layOutMcs60();
  if (layout === 'maxone') return electrodes && layOutMaxOne(electrodes);
  if (contacts !== undefined) return contacts;
  if (rows === undefined || columns === undefined) return undefined;
  return { rows, columns, ...(pitchUm !== undefined && { pitchUm }) };
}

/**
 * The geometry of a checked section.
 *
 * @throws MeaError `bad-input` for a probe file that nobody has read
 */
export function toArrayGeometry(array: ArraySection): ArrayGeometry {
  const geometry = findGeometry(array);
  if (geometry !== undefined) return geometry;
  throw new MeaError('bad-input', {
    what: 'The array of a rig is not known',
    got: Object.keys(array).join(', ') || 'nothing',
    wanted: 'rows and columns, a layout, or a probe file with its contacts',
  });
}

/** Electrodes that are the reference of an array. */
export function referenceElectrodes({ layout, reference }: ArraySection): readonly number[] {
  return reference ?? (layout === 'mcs-60' ? [MCS_REFERENCE] : []);
}
