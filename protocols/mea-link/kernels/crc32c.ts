// The shift register of CRC-32C (Castagnoli; RFC 3720, appendix B.4) over many bytes, without a table look-up for most.
//
// With y = x^8, the polynomial of the CRC divides y^418 + y^288 + y^108 + y^78 + y^28 + 1, a sum of powers so far apart
// that a byte can be struck out and added instead to the bytes 130, 310, 340, 390 and 418 places behind it: the register
// in the end is the same. Sixteen bytes are moved at once. What has gathered in the last bytes is read through tables,
// 16 bytes at a time (slicing, Kounavis & Berry 2008).

/** The polynomial, bits reflected. */
const POLYNOMIAL: u32 = 0x82f63b78;
/** How far behind a byte it is added. */
const PLACE_1: usize = 130;
const PLACE_2: usize = 310;
const PLACE_3: usize = 340;
const PLACE_4: usize = 390;
const PLACE_5: usize = 418;
const LAST_PLACE: usize = PLACE_5;
/** Bytes that are taken at once. */
const MAX_BYTES: usize = 32768;
/** Sixteen tables of 256 words: the remainder of a byte that 0 to 15 zero bytes follow. */
const TABLES: usize = memory.data(16384, 64);
/** Bytes of 0 that stay, for the first bytes to look back at, then the bytes. */
const SPACE: usize = memory.data(33280, 64);
const BYTES: usize = SPACE + 512;

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

/** Where the bytes are put, and how many there may be. */
export function bytesAddress(): usize {
  return BYTES;
}

export function maxBytes(): i32 {
  return <i32>MAX_BYTES;
}

/** The register after the first bytes, at most `maxBytes`, which are overwritten. */
export function advanceRegister(register: u32, length: i32): u32 {
  const end = BYTES + <usize>length;
  if (end < BYTES + 16 + LAST_PLACE) return readTables(register, BYTES, end);
  store<u32>(BYTES, load<u32>(BYTES) ^ register);
  let at = BYTES;
  for (; at + 16 + LAST_PLACE <= end; at += 16) gather(at);
  add(at, PLACE_1);
  add(at, PLACE_2);
  add(at, PLACE_3);
  add(at, PLACE_4);
  add(at, PLACE_5);
  return readTables(0, at, end);
}

/** Adds to sixteen bytes what was struck out before. */
function gather(at: usize): void {
  const near = v128.xor(v128.load(at - PLACE_1), v128.load(at - PLACE_2));
  const far = v128.xor(v128.load(at - PLACE_3), v128.load(at - PLACE_4));
  const sum = v128.xor(v128.xor(near, far), v128.load(at - PLACE_5));
  v128.store(at, v128.xor(v128.load(at), sum));
}

/** Adds to the bytes from `start` on those before `start` that lie so many places before them. */
function add(start: usize, places: usize): void {
  for (let at = start; at < start + places; at++) store<u8>(at, load<u8>(at) ^ load<u8>(at - places));
}

function readTables(register: u32, start: usize, end: usize): u32 {
  let word = register;
  let at = start;
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
  return word;
}

function lookUp(word: u32, table: usize): u32 {
  return (
    load<u32>(TABLES + ((table + 3) << 10) + ((<usize>(word & 255)) << 2)) ^
    load<u32>(TABLES + ((table + 2) << 10) + ((<usize>((word >> 8) & 255)) << 2)) ^
    load<u32>(TABLES + ((table + 1) << 10) + ((<usize>((word >> 16) & 255)) << 2)) ^
    load<u32>(TABLES + (table << 10) + ((<usize>(word >> 24)) << 2))
  );
}
