import { advanceOverMany } from './crc32c-kernel.js';

/** Generator polynomial of CRC-32C (Castagnoli 1993), its bits reversed: the lowest bit stands for x^31. */
export const CRC32C_POLYNOMIAL = 0x82f63b78;

/** Table k at [256 k, 256 (k + 1)): what a byte becomes after k further bytes of zero (slicing-by-8, Intel 2006). */
const TABLES = sliceTables();

/** From so many bytes on the kernel is faster, which wants them in a memory of its own. */
const MANY_BYTES = 1024;

/**
 * CRC-32C (iSCSI, RFC 3720) of the bytes.
 *
 * @returns unsigned 32-bit integer; `crc32c` of the ASCII digits `123456789` is 0xe3069283
 */
export function crc32c(bytes: Uint8Array): number {
  return updateCrc32c(0, bytes);
}

/**
 * CRC-32C of what `crc` is the CRC of, followed by `bytes`.
 *
 * @param crc CRC-32C of the bytes before; 0 for none
 */
export function updateCrc32c(crc: number, bytes: Uint8Array): number {
  return ~advanceRegister(~crc, bytes) >>> 0;
}

/**
 * Value of the CRC's shift register after `bytes`, without the inversions before and after: linear in register and
 * bytes, which is what a decoder needs that computes the CRC of many overlapping stretches.
 */
export function advanceRegister(register: number, bytes: Uint8Array): number {
  return bytes.length < MANY_BYTES ? readTables(register, bytes) : advanceOverMany(register, bytes);
}

function readTables(register: number, bytes: Uint8Array): number {
  let r = register;
  let i = 0;
  for (const end = bytes.length - 7; i < end; i += 8) {
    r ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    r =
      TABLES[0x700 | (r & 255)]! ^
      TABLES[0x600 | ((r >>> 8) & 255)]! ^
      TABLES[0x500 | ((r >>> 16) & 255)]! ^
      TABLES[0x400 | (r >>> 24)]! ^
      TABLES[0x300 | bytes[i + 4]!]! ^
      TABLES[0x200 | bytes[i + 5]!]! ^
      TABLES[0x100 | bytes[i + 6]!]! ^
      TABLES[bytes[i + 7]!]!;
  }
  for (; i < bytes.length; i++) r = TABLES[(r ^ bytes[i]!) & 255]! ^ (r >>> 8);
  return r;
}

/** The shift register after one more byte. */
export function advanceByByte(register: number, byte: number): number {
  return TABLES[(register ^ byte) & 255]! ^ (register >>> 8);
}

function sliceTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let r = byte;
    for (let bit = 0; bit < 8; bit++) r = (r & 1) === 0 ? r >>> 1 : (r >>> 1) ^ CRC32C_POLYNOMIAL;
    tables[byte] = r;
  }
  for (let i = 256; i < tables.length; i++) {
    const before = tables[i - 256]!;
    tables[i] = tables[before & 255]! ^ (before >>> 8);
  }
  return tables;
}
