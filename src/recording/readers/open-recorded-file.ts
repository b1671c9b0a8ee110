import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MeaError, isMeaError } from '../../../protocols/errors.js';
import type { RecordedFile } from '../../../protocols/recording/recorded-file.js';
import { openHdf5Recording } from './open-hdf5-recording.js';
import { RHS_MAGIC } from './intan/header.js';
import { openIntanSplit } from './intan/open-split.js';
import { openIntanTraditional } from './intan/open-traditional.js';
import { openOpenEphys } from './open-ephys/open-open-ephys.js';
import { PositionedFile } from './positioned-file.js';
import { openRaw } from './raw/open-raw.js';
import { toReaderLimits, type OpenRecordedFileOptions } from './reader-options.js';
import { openResponses } from './responses.js';
import { isSpikeGlxMeta, openSpikeGlx } from './spikeglx/open-spikeglx.js';
import { readMeta } from './spikeglx/meta.js';

const KNOWN =
  'an Open Ephys binary folder, raw samples with a JSON file beside them, Intan .rhs, MaxWell, MCS, NWB or retinal-wave HDF5, SpikeGLX with its .meta, or a MATLAB file of responses';

const HDF5_SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
/** Version and byte order of a MATLAB file of level 5, at byte 124. */
const MAT_5 = [Buffer.from([0x00, 0x01, 0x49, 0x4d]), Buffer.from([0x01, 0x00, 0x4d, 0x49])];
/** HDF5 may follow a block of the user's own. */
const HDF5_OFFSETS = [0, 512, 1024, 2048];

/**
 * Opens a recording, whoever made it. Its format is recognised by what is in it. Memory does not grow with its length: signals
 * are read in pieces; spikes and marks are loaded, up to a limit that is told when it is reached. Close it.
 *
 * @throws MeaError `missing` when there is nothing; `bad-format` when it is none of the formats, or damaged; `storage` when
 *   the disk refuses
 */
export async function openRecordedFile(path: string, options: OpenRecordedFileOptions = {}): Promise<RecordedFile> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new MeaError('missing', { what: 'No such file or folder', where: path, remedy: 'check the path' }, { cause });
  });
  return status.isDirectory() ? openFolder(path, options) : openFile(path, options);
}

async function openFolder(path: string, options: OpenRecordedFileOptions): Promise<RecordedFile> {
  const limits = toReaderLimits(options);
  if (await isThere(join(path, 'info.rhs'))) return openIntanSplit(path, limits);
  return openOpenEphys(path, limits).catch((error: unknown) => {
    if (isMeaError(error, 'missing') && error.details.what === 'No structure.oebin')
      throw unknown(path, 'a folder without structure.oebin or info.rhs');
    throw error;
  });
}

async function openFile(path: string, options: OpenRecordedFileOptions): Promise<RecordedFile> {
  const limits = toReaderLimits(options);
  if (basename(path) === 'structure.oebin') return openOpenEphys(dirname(path), limits);
  const head = await readHead(path);
  if (HDF5_OFFSETS.some((at) => head.subarray(at, at + 8).equals(HDF5_SIGNATURE)))
    return openHdf5Recording(path, { limits, program: options.hdf5Program });
  if (head.length >= 4 && head.readUInt32LE(0) === RHS_MAGIC)
    return (await isSplit(path)) ? openIntanSplit(dirname(path), limits) : openIntanTraditional(path, limits);
  if (MAT_5.some((mark) => head.subarray(124, 128).equals(mark))) return openResponses(path);
  const stem = path.replace(/\.[^./\\]*$/, '');
  for (const metaPath of [`${stem}.meta`, path.replace(/\.meta$/, '.bin')])
    if (metaPath.endsWith('.meta') && (await isThere(metaPath)) && isSpikeGlxMeta(await readMeta(metaPath)))
      return openSpikeGlx(metaPath === path ? `${stem}.bin` : path, metaPath);
  for (const sidecar of [`${stem}.json`, `${path}.json`])
    if (sidecar !== path && (await isThere(sidecar))) return openRaw(path, sidecar);
  throw unknown(path, head.length === 0 ? 'an empty file' : `a file that begins with ${head.toString('hex', 0, 8)}`);
}

async function readHead(path: string): Promise<Buffer> {
  const file = await PositionedFile.open(path);
  try {
    return Buffer.from((await file.read(0, Math.min(file.size, 2056))).buffer);
  } finally {
    await file.close();
  }
}

/** A header alone, with the samples in files of their own beside it. */
async function isSplit(path: string): Promise<boolean> {
  return basename(path) === 'info.rhs' && (await isThere(join(dirname(path), 'time.dat')));
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function unknown(path: string, got: string): MeaError {
  return new MeaError('bad-format', {
    what: 'Not a recording that can be read',
    got,
    wanted: KNOWN,
    where: path,
    remedy: 'name the file or folder that the recorder wrote, with what lies beside it',
  });
}
