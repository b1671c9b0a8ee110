import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { parseImpedances } from '../closed-loop/impedance-table.js';
import { parseProbe, toRecorderChannels } from '../closed-loop/probe-contacts.js';
import { rigSchema, type Rig } from '../closed-loop/rig.js';
import { readConfigFile, readText } from './config-file.js';

/** Largest file that a rig file may name, in bytes: 26,400 contacts with all that probeinterface writes of each. */
const MAX_NAMED_BYTES = 50_000_000;

/**
 * Reads a rig file with all that it names: the contacts of its probe file, the rows of its table of impedances. What comes
 * of it needs no other file, and a recording keeps it.
 *
 * @throws MeaError as `readConfigFile` does, and for files that are named, each error with the name of its file
 */
export function readRigFile(path: string): Promise<Rig> {
  return readConfigFile(path, rigSchema, async (value) => completeImpedances(await completeProbe(value, path), path));
}

/** What is said here is as a person wrote it: whatever is not as it should be is left to the rig's schema. */
const withProbe = z.looseObject({
  array: z.looseObject({ probe: z.string().min(1), contacts: z.undefined().optional() }),
  combined: z
    .looseObject({ recorder: z.looseObject({ type: z.string(), channels: z.unknown().optional() }) })
    .optional(),
});

async function completeProbe(value: unknown, path: string): Promise<unknown> {
  const found = withProbe.safeParse(value);
  if (!found.success) return value;
  const { array, combined, ...rig } = found.data;
  const { where, text } = await readNamed('array.probe', array.probe, path);
  const contacts = parseProbe(text, where);
  const { positionsUm, pitchUm, names } = contacts;
  const resolved = { ...rig, array: { ...array, contacts: { pitchUm, positionsUm, names } } };
  if (combined === undefined) return resolved;
  const { recorder } = combined;
  const channels = recorder.channels ?? toRecorderChannels(contacts, { type: recorder.type, where });
  return { ...resolved, combined: { ...combined, recorder: { ...recorder, channels } } };
}

const withImpedances = z.looseObject({
  safety: z.looseObject({ impedances: z.looseObject({ file: z.string().min(1), measured: z.undefined().optional() }) }),
});

async function completeImpedances(value: unknown, path: string): Promise<unknown> {
  const found = withImpedances.safeParse(value);
  if (!found.success) return value;
  const { safety, ...rig } = found.data;
  const { where, text } = await readNamed('safety.impedances.file', safety.impedances.file, path);
  return {
    ...rig,
    safety: { ...safety, impedances: { ...safety.impedances, measured: parseImpedances(text, where) } },
  };
}

/** Reads a file that a rig file names, by its path from there. */
async function readNamed(key: string, name: string, path: string): Promise<{ where: string; text: string }> {
  const where = resolve(dirname(path), name);
  try {
    return { where, text: await readText(where, MAX_NAMED_BYTES) };
  } catch (error) {
    if (!(error instanceof MeaError)) throw error;
    throw new MeaError(
      error.tag,
      {
        ...error.details,
        what: `Cannot read the file that ${key} of the rig file names`,
        remedy: `paths are taken from ${dirname(resolve(path))}, where the rig file is`,
      },
      { cause: error },
    );
  }
}
