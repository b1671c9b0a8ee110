import { MeaError, type ErrorDetails } from '../../../../protocols/errors.js';
import type { PositionedFile } from '../positioned-file.js';
import { HeaderBytes } from './header-bytes.js';

/** Kinds of channels in a .rhs file; 1 and 2 belong to other recorders. */
const SIGNAL_TYPES = { 0: 'amplifier', 3: 'analog-in', 4: 'analog-out', 5: 'digital-in', 6: 'digital-out' } as const;
type IntanSignalType = (typeof SIGNAL_TYPES)[keyof typeof SIGNAL_TYPES];

/** A channel that was enabled when the file was written. */
export interface IntanChannel {
  readonly type: IntanSignalType;
  /** As the recorder calls it, e.g. `A-000`. */
  readonly nativeName: string;
  /** As its user calls it. */
  readonly name: string;
  readonly nativeOrder: number;
}

/** The header of a .rhs file. */
export interface IntanHeader {
  readonly version: string;
  readonly sampleRateHz: number;
  /** Microamperes of one step of a stimulus. */
  readonly stimStepUa: number;
  readonly isDcSaved: boolean;
  readonly channels: readonly IntanChannel[];
  /** Length of the header: the first byte of data, where they follow. */
  readonly bytes: number;
}

export const RHS_MAGIC = 0xd69127ac;
const NEWEST_MAJOR_VERSION = 3;
/** 1024 channels take less than a tenth of it. */
const MAX_HEADER_BYTES = 2 ** 22;

/**
 * Reads the header of an Intan .rhs file.
 *
 * @throws MeaError `bad-format` when it is none, damaged, or of a newer version
 */
export async function readIntanHeader(file: PositionedFile): Promise<IntanHeader> {
  const bytes = new HeaderBytes(await file.read(0, Math.min(file.size, MAX_HEADER_BYTES)), file.path);
  const magic = bytes.uint32();
  if (magic !== RHS_MAGIC)
    throw bad({
      what: 'Not an Intan .rhs file',
      got: `0x${magic.toString(16)}`,
      wanted: '0xd69127ac',
      where: file.path,
    });
  const [major, minor] = [bytes.int16(), bytes.int16()];
  if (major < 1 || major > NEWEST_MAJOR_VERSION)
    throw bad({
      what: 'Unknown version of the .rhs format',
      got: `${major}.${minor}`,
      wanted: `1 to ${NEWEST_MAJOR_VERSION}`,
      where: file.path,
    });
  const sampleRateHz = bytes.float32();
  // DSP, its 8 frequencies, notch, impedance frequencies, modes of amplifier settling and charge recovery
  bytes.skip(2 + 8 * 4 + 2 + 2 * 4 + 2 * 2);
  const stimStepUa = bytes.float32() * 1e6;
  bytes.skip(2 * 4);
  for (let note = 0; note < 3; note++) bytes.text();
  const isDcSaved = bytes.int16() !== 0;
  bytes.skip(2);
  bytes.text();
  if (!(sampleRateHz > 0 && sampleRateHz <= 1e6))
    throw bad({ what: 'Bad sample rate', got: String(sampleRateHz), wanted: 'a rate in Hz', where: file.path });
  if (!Number.isFinite(stimStepUa))
    throw bad({ what: 'Bad stimulation step', got: String(stimStepUa), wanted: 'a current', where: file.path });
  const channels = readGroups(bytes, file.path);
  return { version: `${major}.${minor}`, sampleRateHz, stimStepUa, isDcSaved, channels, bytes: bytes.position };
}

function readGroups(bytes: HeaderBytes, where: string): IntanChannel[] {
  const groups = bytes.int16();
  if (groups < 0 || groups > 1000)
    throw bad({ what: 'Bad number of signal groups', got: String(groups), wanted: '0 to 1000', where });
  const channels: IntanChannel[] = [];
  for (let group = 0; group < groups; group++) {
    bytes.text();
    bytes.text();
    const isEnabled = bytes.int16() !== 0;
    const count = bytes.int16();
    bytes.skip(2);
    if (count < 0) throw bad({ what: 'Bad number of channels', got: String(count), wanted: '0 or more', where });
    for (let k = 0; isEnabled && k < count; k++) {
      const channel = readChannel(bytes, where);
      if (channel !== undefined) channels.push(channel);
    }
  }
  return channels;
}

function readChannel(bytes: HeaderBytes, where: string): IntanChannel | undefined {
  const nativeName = bytes.text();
  const customName = bytes.text();
  const nativeOrder = bytes.int16();
  bytes.skip(2);
  const type = bytes.int16();
  const isEnabled = bytes.int16() !== 0;
  // Chip, command stream, board stream, spike scope, impedance
  bytes.skip(3 * 2 + 4 * 2 + 2 * 4);
  const known = Object.entries(SIGNAL_TYPES).find(([number]) => Number(number) === type)?.[1];
  if (known === undefined)
    throw bad({
      what: 'Unknown kind of channel',
      got: String(type),
      wanted: '0, 3, 4, 5 or 6',
      where: `${where}, ${nativeName}`,
    });
  return isEnabled
    ? { type: known, nativeName, name: customName === '' ? nativeName : customName, nativeOrder }
    : undefined;
}

function bad(details: ErrorDetails): MeaError {
  return new MeaError('bad-format', details);
}
