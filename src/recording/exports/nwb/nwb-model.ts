import { MeaError } from '../../../../protocols/errors.js';
import type { NwbWriting } from './nwb-signals.js';
import { openTable, type TableWriter } from './nwb-table.js';

const MODULE = '/processing/model';

/** The model after each session, where the recording has it: a table of strengths in a processing module. */
export async function writeModels({ contents, writer, objects }: NwbWriting): Promise<number> {
  let table: TableWriter | undefined;
  let rows = 0;
  let shape: readonly number[] = [];
  for await (const { session, sources, inputs, w1, w0 } of contents.models()) {
    if (table === undefined) {
      shape = [sources, inputs];
      const description = 'free-energy model of the culture, fitted while the experiment ran';
      await writer.apply(objects.group({ path: MODULE, type: 'ProcessingModule', attributes: { description } }));
      table = await openTable(writer, objects, {
        path: `${MODULE}/strengths`,
        type: 'DynamicTable',
        description: 'synaptic strengths after each session',
        rows: 16,
        order: ['session', 'w1', 'w0'],
        numbers: [
          { name: 'session', description: 'session, from 0', dtype: '<i' },
          { name: 'w1', description: 'excitatory strengths, sources x inputs', dtype: '<d', rowShape: shape },
          { name: 'w0', description: 'inhibitory strengths, sources x inputs', dtype: '<d', rowShape: shape },
        ],
      });
    }
    if (sources !== shape[0] || inputs !== shape[1]) throw otherShape(session, contents.path);
    await table.add('session', Int32Array.of(session));
    await table.add('w1', w1);
    await table.add('w0', w0);
    rows++;
  }
  await table?.finish(rows);
  return rows;
}

function otherShape(session: number, where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'The model has another shape than before',
    where: `${where}, session ${session}`,
  });
}
