/** An object that was parsed from JSON, its fields not yet looked at. */
export type JsonFields = Readonly<Record<string, unknown>>;

const UTF8 = new TextDecoder();

/** The text of a message's part. */
export function decodeText(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

/** The bytes of a text, in UTF-8. */
export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The object that a text is; null where it is none. */
export function parseFields(text: string): JsonFields | null {
  try {
    return toFields(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The value as an object; null where it is none. */
export function toFields(value: unknown): JsonFields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

/** The value where it is a whole number of at least 0 and exact; null otherwise. */
export function toCount(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

export function toText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The object as the program writes JSON: one field a line, two spaces, CR and LF. */
export function formatFields(fields: object): string {
  return JSON.stringify(fields, null, 2).replaceAll('\n', '\r\n');
}
