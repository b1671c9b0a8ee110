/** A `.npy` file of version 1.0 with one dimension. `declared` is the length that its header claims. */
export function npyBytes(descr: string, body: Uint8Array, declared: number): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${declared},), }`;
  const header = Buffer.from(`${text.padEnd(128 - 10 - 1)}\n`, 'latin1');
  const preamble = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  preamble.writeUInt16LE(header.length, 8);
  return Buffer.concat([preamble, header, body]);
}

/** Sample numbers, `<i8`. */
export function npyInt64(values: readonly number[], declared = values.length): Buffer {
  return npyBytes('<i8', new Uint8Array(BigInt64Array.from(values, BigInt).buffer), declared);
}

/** States of lines, `<i2`. */
export function npyInt16(values: readonly number[]): Buffer {
  return npyBytes('<i2', new Uint8Array(Int16Array.from(values).buffer), values.length);
}

/** Texts, `|S<size>`. */
export function npyTexts(values: readonly string[], size: number): Buffer {
  const body = Buffer.alloc(values.length * size);
  values.forEach((value, k) => body.write(value, k * size, 'utf8'));
  return npyBytes(`|S${size}`, body, values.length);
}
