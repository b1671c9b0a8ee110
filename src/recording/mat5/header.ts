import { MeaError } from '../../../protocols/errors.js';

/** Length of the header of a level-5 file: 116 bytes of text, 8 of subsystem offset, 2 of version, 2 of byte order. */
export const HEADER_BYTES = 128;

const LEVEL_5 = 0x0100;
const HDF5_SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
const HDF5_OFFSETS = [0, 512, 1024, 2048];
const SAVE_AGAIN = "load it in MATLAB or Octave and save it again with the option '-v7'";

/**
 * Checks the header of a level-5 file and finds its byte order, which the two characters `MI` were written in.
 *
 * @returns true when the file is little-endian
 * @throws MeaError `bad-format` when it is empty, a version 4 or 7.3 (HDF5) file, or no MAT-file at all
 */
export function readByteOrder(bytes: Uint8Array, where: string): boolean {
  if (bytes.length === 0) throw new MeaError('bad-format', { what: 'The file is empty', wanted: 'a MAT-file', where });
  if (isHdf5(bytes)) throw wrongVersion('version 7.3 (HDF5)', where);
  const order = bytes.length < HEADER_BYTES ? '' : String.fromCharCode(bytes[126]!, bytes[127]!);
  if (order !== 'IM' && order !== 'MI')
    throw isLevel4(bytes) ? wrongVersion('version 4', where) : noMatFile(bytes, where);
  const littleEndian = order === 'IM';
  const version = new DataView(bytes.buffer, bytes.byteOffset).getUint16(124, littleEndian);
  if (version !== LEVEL_5) throw wrongVersion(`version number 0x${version.toString(16).padStart(4, '0')}`, where);
  return littleEndian;
}

function isHdf5(bytes: Uint8Array): boolean {
  return HDF5_OFFSETS.some((offset) => HDF5_SIGNATURE.every((byte, index) => bytes[offset + index] === byte));
}

/** A version 4 file has no header but five integers: type (at most 4052), rows, columns, 0 or 1, length of the name. */
function isLevel4(bytes: Uint8Array): boolean {
  if (bytes.length < 20) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [true, false].some((littleEndian) => {
    const nameLength = view.getUint32(16, littleEndian);
    return (
      view.getUint32(0, littleEndian) <= 4052 &&
      view.getUint32(12, littleEndian) <= 1 &&
      nameLength > 0 &&
      nameLength <= 256
    );
  });
}

function wrongVersion(got: string, where: string): MeaError {
  return new MeaError('bad-format', {
    what: 'MAT-file of another version',
    got,
    wanted: 'level 5 (versions 5 to 7)',
    where,
    remedy: SAVE_AGAIN,
  });
}

function noMatFile(bytes: Uint8Array, where: string): MeaError {
  const isShort = bytes.length < HEADER_BYTES;
  return new MeaError('bad-format', {
    what: 'Not a MAT-file',
    got: isShort ? `${bytes.length} bytes` : 'no byte-order mark',
    wanted: isShort ? `a header of ${HEADER_BYTES} bytes` : 'IM or MI at byte 126',
    where,
    remedy: 'check that the path is right and the copy complete',
  });
}
