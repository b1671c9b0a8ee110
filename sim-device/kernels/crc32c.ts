// CRC-32C (Castagnoli; RFC 3720, appendix B.4), 16 bytes at a time (slicing, Kounavis & Berry 2008).

/** The polynomial, bits reflected. */
const POLYNOMIAL: u32 = 0x82f63b78;
/** Sixteen tables of 256 words: the remainder of a byte that 0 to 15 zero bytes follow. */
const TABLES: usize = memory.data(16384, 64);

fillTables();

function fillTables(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = (word >> 1) ^ (POLYNOMIAL & (0 - (word & 1)));
    store<u32>(TABLES + ((<usize>byte) << 2), word);
  }
  for (let i: usize = 256; i < 4096; i++) {
    const word = load<u32>(TABLES + ((i - 256) << 2));
    store<u32>(TABLES + (i << 2), (word >> 8) ^ load<u32>(TABLES + ((<usize>(word & 255)) << 2)));
  }
}

function lookUp(word: u32, table: usize): u32 {
  return (
    load<u32>(TABLES + ((table + 3) << 10) + ((<usize>(word & 255)) << 2)) ^
    load<u32>(TABLES + ((table + 2) << 10) + ((<usize>((word >> 8) & 255)) << 2)) ^
    load<u32>(TABLES + ((table + 1) << 10) + ((<usize>((word >> 16) & 255)) << 2)) ^
    load<u32>(TABLES + (table << 10) + ((<usize>(word >> 24)) << 2))
  );
}

/** Goes on from `crc` (0 at the start) over the bytes [start, start + length). */
export function updateCrc32c(crc: u32, start: usize, length: i32): u32 {
  let word = ~crc;
  let at = start;
  const end = start + <usize>length;
  while (at + 16 <= end) {
    word =
      lookUp(word ^ load<u32>(at), 12) ^
      lookUp(load<u32>(at, 4), 8) ^
      lookUp(load<u32>(at, 8), 4) ^
      lookUp(load<u32>(at, 12), 0);
    at += 16;
  }
  while (at < end) {
    word = (word >> 8) ^ load<u32>(TABLES + ((<usize>((word ^ load<u8>(at)) & 255)) << 2));
    at++;
  }
  return ~word;
}
