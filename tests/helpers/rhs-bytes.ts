/** What a test's .rhs file holds. */
export interface RhsContent {
  readonly amplifiers: number;
  readonly digitalIns?: number;
  readonly isDcSaved?: boolean;
  readonly blocks: number;
  /** Counter of a frame; its number by default. */
  readonly counterAt?: (frame: number) => number;
  /** Unsigned sample; `rhsSample` by default. */
  readonly sampleAt?: (channel: number, frame: number) => number;
  /** Stimulus word; 0 by default. */
  readonly stimAt?: (channel: number, frame: number) => number;
  /** Word of all digital inputs; 0 by default. */
  readonly digitalAt?: (frame: number) => number;
}

export const RHS_RATE_HZ = 30_000;
const RHS_STEP_UA = 10;

/** A sample that tells its channel and frame, around the recorder's zero. */
export function rhsSample(channel: number, frame: number): number {
  return 32_768 + channel * 1000 + (frame % 997);
}

/** The header of a .rhs file, written by hand, field by field. */
export function rhsHeader({ amplifiers, digitalIns = 0, isDcSaved = false }: RhsContent): Buffer {
  const parts: Buffer[] = [];
  const bytes = (size: number, write: (buffer: Buffer) => void): void => {
    const buffer = Buffer.alloc(size);
    write(buffer);
    parts.push(buffer);
  };
  const int16 = (...values: number[]): void => {
    for (const value of values) bytes(2, (buffer) => buffer.writeInt16LE(value));
  };
  const float32 = (...values: number[]): void => {
    for (const value of values) bytes(4, (buffer) => buffer.writeFloatLE(value));
  };
  const text = (value: string | undefined): void => {
    bytes(4, (buffer) => buffer.writeUInt32LE(value === undefined ? 0xffffffff : value.length * 2));
    parts.push(Buffer.from(value ?? '', 'utf16le'));
  };
  const channel = (name: string, order: number, type: number): void => {
    text(name);
    text('');
    // native and custom order, type, enabled, chip channel, command stream, board stream, four of the spike scope
    int16(order, order, type, 1, order, 0, 0, 1, 0, 0, 0);
    float32(0, 0);
  };
  bytes(4, (buffer) => buffer.writeUInt32LE(0xd69127ac));
  int16(3, 4);
  float32(RHS_RATE_HZ);
  int16(1);
  float32(1, 0.1, 1000, 7500, 1, 0.1, 1000, 7500);
  int16(0);
  float32(1000, 1000);
  int16(0, 0);
  float32(RHS_STEP_UA * 1e-6, 1e-9, 0);
  text('note');
  text(undefined);
  text('');
  int16(isDcSaved ? 1 : 0, 14);
  text('n/a');
  int16(3);
  text('Port A');
  text('A');
  int16(1, amplifiers, amplifiers);
  for (let k = 0; k < amplifiers; k++) channel(`A-${String(k).padStart(3, '0')}`, k, 0);
  text('Port B');
  text('B');
  // not enabled: its channels are not in the file
  int16(0, 0, 0);
  text('Digital');
  text('DIGITAL-IN');
  int16(1, digitalIns, 0);
  for (let k = 0; k < digitalIns; k++) channel(`DIGITAL-IN-${k + 1}`, k, 5);
  return Buffer.concat(parts);
}

/** A .rhs file of the traditional format. */
export function rhsBytes(content: RhsContent): Buffer {
  return Buffer.concat([rhsHeader(content), ...Array.from({ length: content.blocks }, (_, k) => rhsBlock(content, k))]);
}

function rhsBlock(content: RhsContent, block: number): Buffer {
  const { amplifiers, digitalIns = 0, isDcSaved = false } = content;
  const { counterAt = (frame: number) => frame, sampleAt = rhsSample, stimAt = () => 0, digitalAt = () => 0 } = content;
  const words: number[] = [];
  const row = (word: (frame: number) => number): void => {
    for (let k = 0; k < 128; k++) words.push(word(block * 128 + k));
  };
  for (let k = 0; k < amplifiers; k++) row((frame) => sampleAt(k, frame));
  if (isDcSaved) for (let k = 0; k < amplifiers; k++) row(() => 512);
  for (let k = 0; k < amplifiers; k++) row((frame) => stimAt(k, frame));
  if (digitalIns > 0) row(digitalAt);
  const counters = Int32Array.from({ length: 128 }, (_, k) => counterAt(block * 128 + k));
  return Buffer.concat([Buffer.from(counters.buffer), Buffer.from(Uint16Array.from(words).buffer)]);
}
