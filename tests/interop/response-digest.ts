import { z } from 'zod';
import { rowCount, type ResponseTable } from '../../protocols/responses.js';

const arrayDigest = z.object({ shape: z.array(z.number()), sum: z.number(), weighted: z.number() });
type ArrayDigest = z.infer<typeof arrayDigest>;

/** What describe_responses.py prints for one file. */
export const fileDigest = z.object({
  variable: z.string(),
  cultures: z.array(z.object({ s: arrayDigest, o: arrayDigest, r: arrayDigest })),
});

/** The digest of one table, by the same arithmetic on row-major places. */
export function digestTable(table: ResponseTable): z.infer<typeof fileDigest>['cultures'][number] {
  const rows = rowCount(table);
  return {
    s: digest(table.sources, [rows, table.sourceCount]),
    o: digest(table.inputs, [rows, table.inputCount]),
    r: digest(table.counts, [rows, table.electrodeCount]),
  };
}

function digest(values: Uint8Array | Uint16Array, shape: readonly number[]): ArrayDigest {
  let sum = 0;
  let weighted = 0;
  for (let place = 0; place < values.length; place += 1) {
    sum += values[place]!;
    weighted += values[place]! * (place % 65521);
  }
  return { shape: [...shape], sum, weighted };
}
