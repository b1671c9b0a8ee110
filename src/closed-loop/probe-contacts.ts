import { z } from 'zod';
import { leastDistance } from '../../protocols/array-geometry.js';
import { MeaError } from '../../protocols/errors.js';

/** What a probe file says. */
export interface ProbeContacts {
  /** (contacts) x and y, micrometres. */
  readonly positionsUm: [number, number][];
  /** Least distance between two of them. */
  readonly pitchUm: number;
  /** (contacts) absent where they have none, or one for several. */
  readonly names?: string[];
  /** (contacts) channel of the recorder, from 0, -1 for none; absent where the file does not say. */
  readonly channels?: number[];
}

const fileSchema = z.looseObject({ specification: z.literal('probeinterface'), probes: z.array(z.unknown()) });

const probeSchema = z.looseObject({
  ndim: z.number().default(2),
  si_units: z.string(),
  contact_positions: z.array(z.array(z.number())).optional(),
  contact_ids: z.array(z.union([z.string(), z.number()])).nullish(),
  device_channel_indices: z.array(z.int().min(-1)).nullish(),
});

const UM_PER_UNIT: Readonly<Record<string, number>> = { um: 1, mm: 1000, m: 1_000_000 };

/** Of a micrometre: what a change of units leaves of rounding is cut off there. */
const STEPS_PER_UM = 1_000_000;

/**
 * Reads a probe file as probeinterface writes it: one probe in a plane.
 *
 * @param where the file, for messages
 * @throws MeaError `bad-input` for what is no such file, more than one probe, other units than m, mm and um, lists of
 *   different lengths, contacts without a place or at one place, a channel twice
 */
export function parseProbe(text: string, where: string): ProbeContacts {
  const { probes } = checkShape(fileSchema, parseJson(text, where), where);
  if (probes.length !== 1) {
    throw badProbe('A rig has one probe', {
      got: `${probes.length} probes`,
      wanted: '1',
      where,
      remedy: 'write each probe of the group into a file of its own',
    });
  }
  const probe = checkShape(probeSchema, probes[0], `${where}, probes.0`);
  const positionsUm = toPositions(probe, where);
  const count = positionsUm.length;
  const names = readNames(probe.contact_ids, { count, where });
  const channels = probe.device_channel_indices ?? undefined;
  if (channels !== undefined) assertChannels(channels, { count, where });
  return {
    positionsUm,
    pitchUm: leastDistance(positionsUm.map(([x, y]) => ({ x, y }))),
    ...(names !== undefined && { names }),
    ...(channels !== undefined && { channels }),
  };
}

function parseJson(text: string, where: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new MeaError('bad-input', { what: 'A probe file is not valid JSON', got, where }, { cause });
  }
}

function checkShape<Schema extends z.ZodType>(schema: Schema, value: unknown, where: string): z.infer<Schema> {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw badProbe('Not a probe file of probeinterface', {
    got: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? '?'}`,
    wanted: 'specification, and probes with si_units and contact_positions',
    where,
    remedy: 'write it with probeinterface.write_probeinterface',
  });
}

function toPositions(
  { ndim, si_units: unit, contact_positions: contacts }: z.infer<typeof probeSchema>,
  where: string,
): [number, number][] {
  if (contacts === undefined || contacts.length < 2) {
    const got = `${contacts?.length ?? 0} contact_positions`;
    throw badProbe('A probe file does not say where its contacts are', { got, wanted: 'at least 2', where });
  }
  const factor = UM_PER_UNIT[unit];
  if (factor === undefined) {
    const wanted = Object.keys(UM_PER_UNIT).join(', ');
    throw badProbe('A probe file has units that are not known', { got: `si_units ${unit}`, wanted, where });
  }
  if (ndim !== 2) throw badProbe('A probe is not in a plane', { got: `ndim ${ndim}`, wanted: '2', where });
  const round = (value: number): number => Math.round(value * factor * STEPS_PER_UM) / STEPS_PER_UM;
  const seen = new Map<string, number>();
  return contacts.map((contact, i) => {
    const [x, y] = contact;
    if (x === undefined || y === undefined || contact.length !== 2) {
      const got = `${contact.length} numbers for contact ${i}`;
      throw badProbe('A contact has no place in the plane', { got, wanted: 'x and y', where });
    }
    const place = [round(x), round(y)] satisfies [number, number];
    const other = seen.get(place.join());
    if (other !== undefined) {
      const got = `${x}, ${y} for contacts ${other} and ${i}`;
      throw badProbe('Two contacts are at one place', { got, wanted: 'a place for each', where });
    }
    seen.set(place.join(), i);
    return place;
  });
}

interface Lists {
  readonly count: number;
  readonly where: string;
}

function assertLength(key: string, length: number, { count, where }: Lists): void {
  if (length === count) return;
  throw badProbe('A probe file has lists of different lengths', {
    got: `${length} ${key}`,
    wanted: `${count}, one for each contact`,
    where,
  });
}

function readNames(ids: readonly (string | number)[] | null | undefined, lists: Lists): string[] | undefined {
  if (ids === undefined || ids === null) return undefined;
  assertLength('contact_ids', ids.length, lists);
  const names = ids.map(String);
  // Without names probeinterface may write empty ones.
  return new Set(names).size === names.length && !names.includes('') ? names : undefined;
}

function assertChannels(channels: readonly number[], lists: Lists): void {
  assertLength('device_channel_indices', channels.length, lists);
  const twice = channels.findIndex((channel, i) => channel >= 0 && channels.indexOf(channel) !== i);
  if (twice < 0) return;
  throw badProbe('Two contacts have one channel', {
    got: `device_channel_indices ${channels[twice]} for contacts ${channels.indexOf(channels[twice]!)} and ${twice}`,
    wanted: 'each channel once',
    where: lists.where,
  });
}

function badProbe(what: string, details: Omit<ConstructorParameters<typeof MeaError>[1], 'what'>): MeaError {
  return new MeaError('bad-input', { what, ...details });
}

/** A native channel of an Intan controller. */
const NATIVE = /^[A-H]-\d{3}$/u;
/** Channels of a port of a stimulation/recording controller. */
const PORT_CHANNELS = 32;

/**
 * The channel of each contact, as a combined recorder names them: numbers of the stream for Open Ephys; for Intan the
 * contacts' own names where they all are native channels, else channel 32 p + c of the file is channel c of port p.
 *
 * @throws MeaError `bad-input` for a probe file without channels, or a contact without one
 */
export function toRecorderChannels(
  { names, channels }: ProbeContacts,
  { type, where }: { readonly type: string; readonly where: string },
): readonly (number | string)[] {
  if (type === 'intan-rhx' && names?.every((name) => NATIVE.test(name)) === true) return names;
  const missing = channels?.findIndex((channel) => channel < 0) ?? -1;
  const isBeyond = (channel: number): boolean => type === 'intan-rhx' && channel >= 8 * PORT_CHANNELS;
  const beyond = channels?.find(isBeyond);
  if (channels === undefined || missing >= 0 || beyond !== undefined) {
    const held = beyond === undefined ? `none for contact ${missing}` : `channel ${beyond}`;
    throw badProbe('A probe file does not say which channel each contact is', {
      got: channels === undefined ? 'no device_channel_indices' : held,
      wanted: type === 'intan-rhx' ? 'contact_ids like A-010, or channels from 0 to 255' : 'a channel for each contact',
      where,
      remedy:
        'set them with probe.set_device_channel_indices, leave out contacts that are not connected, or list `channels` in the rig file',
    });
  }
  if (type !== 'intan-rhx') return channels;
  return channels.map((channel) => {
    const port = 'ABCDEFGH'.charAt(Math.floor(channel / PORT_CHANNELS));
    return `${port}-${String(channel % PORT_CHANNELS).padStart(3, '0')}`;
  });
}
