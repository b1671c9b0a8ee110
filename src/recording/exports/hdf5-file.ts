import { Dataset, File, ready } from 'h5wasm/node';
import { MeaError } from '../../../protocols/errors.js';
import type { Hdf5Command } from './hdf5-commands.js';

/** A new HDF5 file in this thread. */
export interface Hdf5File {
  /** @throws Error with the library's words */
  apply(command: Hdf5Command): void;
  close(): void;
}

/** Creates the file. It can be read by HDF5 1.8 and everything later. */
export async function createHdf5File(path: string): Promise<Hdf5File> {
  const library = await ready;
  library.activate_throwing_error_handler();
  const file = new File(path, 'x', { libver: ['v108', 'v110'] });
  const datasets = new Map<string, Dataset>();
  return {
    apply(command) {
      applyCommand(file, datasets, command);
    },
    close() {
      file.flush();
      file.close();
    },
  };
}

function applyCommand(file: File, datasets: Map<string, Dataset>, command: Hdf5Command): void {
  const name = command.path.slice(1);
  switch (command.type) {
    case 'group':
      file.create_group(name);
      return;
    case 'text': {
      const { value } = command;
      const isOne = typeof value === 'string';
      file.create_dataset({ name, data: isOne ? value : [...value], shape: isOne ? [] : [value.length], dtype: 'S' });
      return;
    }
    case 'numbers':
      file.create_dataset({ name, data: command.data, shape: [...command.shape], dtype: command.dtype });
      return;
    case 'scalar':
      file.create_dataset({ name, data: command.value, shape: [], dtype: command.dtype });
      return;
    case 'rows':
      datasets.set(command.path, createRows(file, name, command));
      return;
    case 'fill':
      fillRows(datasetAt(datasets, command.path), command);
      return;
    case 'references': {
      const data = command.targets.map((target) => objectAt(file, target).create_reference());
      file.create_dataset({ name, data, shape: [data.length], dtype: 'Reference' });
      return;
    }
    case 'soft-link':
      file.create_soft_link(command.target, name);
      return;
    case 'attribute':
    case 'reference-attribute':
      setAttribute(file, command);
  }
}

function createRows(file: File, name: string, command: Hdf5Command & { type: 'rows' }): Dataset {
  const { rows, rowShape, chunkRows, gzip, dtype } = command;
  const dataset = file.create_dataset({
    name,
    data: [],
    shape: [0, ...rowShape],
    maxshape: [null, ...rowShape],
    chunks: [chunkRows, ...rowShape],
    dtype,
    ...(gzip && { compression: 'gzip', compression_opts: 1 }),
  });
  if (rows > 0) dataset.resize([rows, ...rowShape]);
  return dataset;
}

function fillRows(dataset: Dataset, { first, data }: Hdf5Command & { type: 'fill' }): void {
  const [rows = 0, ...rowShape] = dataset.shape ?? [];
  const end = first + data.length / rowShape.reduce((product, size) => product * size, 1);
  if (end > rows) dataset.resize([end, ...rowShape]);
  if (data.length > 0)
    dataset.write_slice([[first, end], ...rowShape.map((size): [number, number] => [0, size])], data);
}

function setAttribute(file: File, command: Hdf5Command & { type: 'attribute' | 'reference-attribute' }): void {
  const target = objectAt(file, command.path);
  if (command.type === 'reference-attribute') {
    target.create_attribute(command.name, objectAt(file, command.target).create_reference(), [], 'Reference');
    return;
  }
  const { name, value, dtype } = command;
  if (typeof value === 'number') target.create_attribute(name, value, [], dtype ?? '<d');
  else if (typeof value === 'string') target.create_attribute(name, value, [], 'S');
  else target.create_attribute(name, [...value], [value.length], 'S');
}

function objectAt(file: File, path: string): Pick<File, 'create_attribute' | 'create_reference'> {
  if (path === '/') return file;
  const found = file.get(path);
  if (found !== null && 'create_attribute' in found) return found;
  throw new MeaError('internal', { what: 'No such object in the HDF5 file', got: path });
}

function datasetAt(datasets: ReadonlyMap<string, Dataset>, path: string): Dataset {
  const dataset = datasets.get(path);
  if (dataset !== undefined) return dataset;
  throw new MeaError('internal', { what: 'No such dataset in the HDF5 file', got: path });
}
