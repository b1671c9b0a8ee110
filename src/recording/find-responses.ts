import { MeaError } from '../../protocols/errors.js';
import type { Mat5Limits } from './mat5/limits.js';
import type { MatListing, MatStruct, MatValue } from './mat5/mat-value.js';
import { listMat5, readMat5 } from './mat5/read-mat5.js';

/** The fields of one culture: hidden sources, stimuli, evoked responses. */
export const responseFields = ['s', 'o', 'r'] as const;
export type ResponseField = (typeof responseFields)[number];

/** The arrays of one culture, found but not yet checked. */
export interface Culture {
  readonly fields: Readonly<Record<ResponseField, MatValue>>;
  /** File, variable and number of the culture, for messages. */
  readonly where: string;
}

/** How to find them. */
export interface FindResponsesOptions {
  readonly where: string;
  readonly variable?: string;
  readonly limits?: Partial<Mat5Limits>;
}

/** A culture before its fields are known to be there; undefined where the cell holds no struct. */
type Candidate = ReadonlyMap<string, MatValue> | undefined;

/**
 * Finds the variable that holds responses: the one cell or struct of which at least one element has the field s, o or r.
 * Only cells and structs are read.
 *
 * @throws MeaError `missing` without such a variable; `bad-input` when there are several, when it is empty or when a
 *   culture lacks a field; what `readMat5` throws
 */
export function findResponses(
  bytes: Uint8Array,
  options: FindResponsesOptions,
): { readonly variable: string; readonly cultures: readonly Culture[] } {
  const { where } = options;
  const listing = listMat5(bytes, options);
  const names = candidateNames(listing, options);
  const values = readMat5(bytes, { ...options, variables: names });
  const found = Array.from(values, ([name, value]) => ({ name, candidates: candidatesOf(value) }));
  const { name, candidates } = choose(found, { where, listing });
  const place = (index: number): string => `${where}, ${name}, culture ${index}`;
  return { variable: name, cultures: candidates.map((candidate, index) => toCulture(candidate, place(index))) };
}

function candidateNames(listing: readonly MatListing[], { variable, where }: FindResponsesOptions): string[] {
  if (variable === undefined) return listing.filter(isContainer).map(({ name }) => name);
  if (listing.some(({ name, ...entry }) => name === variable && isContainer(entry))) return [variable];
  throw nothingFound(listing, where, variable);
}

function isContainer({ classOf }: Pick<MatListing, 'classOf'>): boolean {
  return classOf === 'cell' || classOf === 'struct';
}

interface Found {
  readonly name: string;
  readonly candidates: readonly Candidate[];
}

function choose(found: readonly Found[], file: { where: string; listing: readonly MatListing[] }): Found {
  const fitting = found.filter(({ candidates }) => candidates.some(hasAnyField));
  if (fitting.length > 1) throw several(fitting, file.where);
  const only = fitting[0] ?? found.find(({ candidates }) => candidates.length === 0);
  if (only === undefined) throw nothingFound(file.listing, file.where);
  if (only.candidates.length > 0) return only;
  throw new MeaError('bad-input', {
    what: 'No cultures',
    got: `${only.name} is empty`,
    wanted: 'at least one struct with the fields s, o and r',
    where: file.where,
  });
}

function hasAnyField(candidate: Candidate): boolean {
  return responseFields.some((field) => candidate?.has(field));
}

function candidatesOf(value: MatValue): Candidate[] {
  if (value.type === 'struct') return elementsOf(value);
  if (value.type !== 'cell') return [undefined];
  return value.cells.map((cell) => (cell.type === 'struct' ? onlyElement(cell) : undefined));
}

function onlyElement(struct: MatStruct): Candidate {
  const elements = elementsOf(struct);
  return elements.length === 1 ? elements[0] : undefined;
}

function elementsOf({ fields }: MatStruct): ReadonlyMap<string, MatValue>[] {
  const columns = Array.from(fields);
  const first = columns[0]?.[1] ?? [];
  return first.map((_, index) => new Map(columns.map(([name, values]) => [name, values[index]!])));
}

function toCulture(candidate: Candidate, where: string): Culture {
  if (candidate === undefined) {
    throw new MeaError('bad-input', {
      what: 'A culture is not a single struct',
      wanted: 'the fields s, o and r',
      where,
    });
  }
  const take = (field: ResponseField): MatValue => {
    const value = candidate.get(field);
    if (value !== undefined) return value;
    throw new MeaError('bad-input', {
      what: `Field ${field} is missing`,
      got: Array.from(candidate.keys(), (name) => JSON.stringify(name)).join(', '),
      wanted: 's, o and r',
      where,
    });
  };
  return { fields: { s: take('s'), o: take('o'), r: take('r') }, where };
}

function several(found: readonly Found[], where: string): MeaError {
  return new MeaError('bad-input', {
    what: 'More than one variable holds responses',
    got: found.map(({ name }) => name).join(', '),
    wanted: 'one',
    where,
    remedy: 'say which variable to read',
  });
}

function nothingFound(listing: readonly MatListing[], where: string, variable?: string): MeaError {
  const got = listing.map(({ name, classOf, dims }) => `${JSON.stringify(name)} (${classOf} ${dims.join(' x ')})`);
  return new MeaError('missing', {
    what:
      variable === undefined ? 'No responses in the file' : `No responses under the name ${JSON.stringify(variable)}`,
    got: got.length === 0 ? 'no variables' : got.slice(0, 10).join(', '),
    wanted: 'a cell of structs, or a struct, with the fields s, o and r',
    where,
  });
}
