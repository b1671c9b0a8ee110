import { z } from 'zod';
import {
  countElectrodes,
  electrodePlaces,
  type ArrayGeometry,
  type ArrayPlace,
} from '../../protocols/array-geometry.js';
import { MeaError } from '../../protocols/errors.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import {
  arraySectionSchema,
  findGeometry,
  referenceElectrodes,
  toArrayGeometry,
  type ArraySection,
} from './array-section.js';
import { combinedSectionSchema } from './combined-section.js';
import { DEFAULT_DETECTION, detectionSectionSchema } from './detection-section.js';
import { findSectionMistakes, safetySectionSchema, toProfile } from './safety-section.js';

const IS_REFERENCE = 'no reference of the array: it is never pulsed';

const CONFIRMATION = z.enum(['confirmed', 'unconfirmed']);

/** A number that somebody still has to look up: `null` says so, and nothing may use it. */
const UNKNOWN_OR_POSITIVE = z.union([z.null(), z.number().positive()]);

/** Schema of a rig file: one source for the type, the check, its messages and docs/rig-file.md. */
export const rigSchema = z
  .strictObject({
    version: z.literal(1).describe('Version of this file format.'),
    name: z.string().min(1).max(100).describe('Name of the rig.'),
    device: z
      .enum(['emulator', 'mea-link', 'combined'])
      .describe(
        '`emulator`: the bundled emulated culture; `mea-link`: a device that speaks MEA-Link, at `address`; `combined`: devices of other makers, a recorder and a stimulator, in the section `combined`.',
      ),
    signal: z
      .enum(['counts', 'voltages'])
      .optional()
      .describe(
        'What the emulator gives: `counts` of spikes, one per trial and electrode, at once (the default), or `voltages`, sample by sample, behind its wire protocol. A device always gives voltages.',
      ),
    address: z
      .string()
      .min(1)
      .max(300)
      .optional()
      .describe(
        'Where a MEA-Link device listens: `tcp://host:port`, `zmq+tcp://host:port`, `serial:/dev/path?baud=115200`.',
      ),
    combined: combinedSectionSchema
      .optional()
      .describe('The devices that a rig of `device: combined` is made of (docs/devices).'),
    safety: safetySectionSchema
      .optional()
      .describe('Limits that every stimulus is held against; a device needs them. No number has a default.'),
    array: arraySectionSchema.describe(
      'The electrodes, numbered from 0: those of rows and columns row by row, others in the order of the layout or file.',
    ),
    stimulated: z
      .strictObject({
        electrodes: z
          .union([z.literal('black-squares'), z.array(z.int().min(0)).min(2)])
          .describe(
            'Electrode of each input, in order; `black-squares`: (row + column) even, in the order of electrodes, as the emulator has its outputs, without the reference.',
          ),
        status: CONFIRMATION.describe('Whether somebody has checked the choice in the source.'),
      })
      .describe('Which electrodes are stimulated.'),
    sampleRateHz: z.number().min(1000).max(100_000).default(20_000).describe("Rate of the device's sample clock."),
    responseWindowMs: z
      .tuple([z.number().min(0), z.number().positive()])
      .default([10, 30])
      .refine(([first, end]) => first < end, 'a window that starts before it ends')
      .describe('Response window after the pulse, in milliseconds.'),
    detection: detectionSectionSchema
      .default(DEFAULT_DETECTION)
      .describe('How spikes are found in voltages; the counts of an emulator without voltages do not need it.'),
    artefact: z
      .strictObject({
        aboveUv: z
          .number()
          .positive()
          .describe(
            'An electrode shows an artefact when it spans more than this around a pulse, in microvolts: far above its spikes, below what your pulses leave.',
          ),
        reachPitches: z
          .number()
          .positive()
          .describe('So far from a pulsed electrode others may show its artefact, in distances between neighbours.'),
      })
      .optional()
      .describe(
        "How delivery is judged from the signal: a trial does not count, and is repeated, when a pulsed electrode shows no artefact, or one far from every pulsed electrode does. Without it delivery is the device's word alone.",
      ),
    recording: z
      .strictObject({
        raw: z
          .enum(['all', 'stimuli', 'snippets', 'none'])
          .describe(
            'Raw samples that are kept: `all`; 100 ms before to 400 ms after each stimulus; filtered cut-outs around spikes; or `none`. Spikes, stimuli and trials are always kept.',
          ),
      })
      .optional()
      .describe('What is recorded; `all` raw samples of a device, none of the emulator, unless it says otherwise.'),
    pulse: z
      .strictObject({
        amplitudeUa: UNKNOWN_OR_POSITIVE.describe('Pulse amplitude in microamperes; null while nobody has found it.'),
        phaseWidthUs: UNKNOWN_OR_POSITIVE.describe(
          'Width of one phase in microseconds; null while nobody has found it.',
        ),
        status: CONFIRMATION,
      })
      .describe('The pulse. The published amplitude and width were not found in any source at hand.'),
  })
  .superRefine(({ array, device, address, safety, signal, combined }, context) => {
    const isLinked = device === 'mea-link';
    const isReal = device !== 'emulator';
    if (isReal && signal === 'counts') {
      context.addIssue({
        code: 'custom',
        path: ['signal'],
        message: 'voltages: a device gives nothing else',
        input: signal,
      });
    }
    if (isLinked !== (address !== undefined)) {
      const message = isLinked
        ? 'the address of the device'
        : `no address: ${isReal ? 'each device has its own, in `combined`' : 'the emulator is part of the program'}`;
      context.addIssue({ code: 'custom', path: ['address'], message, input: address });
    }
    if ((device === 'combined') !== (combined !== undefined)) {
      const message = combined === undefined ? 'the devices of the rig' : 'no such section but for `device: combined`';
      context.addIssue({ code: 'custom', path: ['combined'], message, input: combined });
    }
    if (isReal && safety === undefined) {
      context.addIssue({ code: 'custom', path: ['safety'], message: 'the limits of the array', input: safety });
    }
    const geometry = findGeometry(array);
    // The array itself is wrong, and it has been said.
    if (geometry === undefined) return;
    const count = countElectrodes(geometry);
    const channels = combined?.recorder.channels.length;
    if (channels !== undefined && channels !== count) {
      const message = `a channel for each of the ${count} electrodes`;
      context.addIssue({ code: 'custom', path: ['combined', 'recorder', 'channels'], message, input: channels });
    }
    for (const { path, ...issue } of safety === undefined ? [] : findSectionMistakes(safety, count)) {
      context.addIssue({ code: 'custom', path: ['safety', ...path], ...issue });
    }
  })
  .superRefine(({ array, detection, sampleRateHz }, context) => {
    const count = countOf(array);
    detection.excluded.forEach((electrode, i, all) => {
      if (electrode < count && all.indexOf(electrode) === i) return;
      const message = electrode < count ? 'each electrode once' : `electrodes from 0 to ${count - 1}`;
      context.addIssue({ code: 'custom', path: ['detection', 'excluded', i], message, input: electrode });
    });
    if (detection.bandHz[1] < sampleRateHz / 2) return;
    const message = `below half the sample rate, ${sampleRateHz / 2} Hz`;
    context.addIssue({ code: 'custom', path: ['detection', 'bandHz', 1], message, input: detection.bandHz[1] });
  })
  .superRefine(({ array, stimulated, combined }, context) => {
    const geometry = findGeometry(array);
    if (geometry === undefined) return;
    const count = countElectrodes(geometry);
    const reference = referenceElectrodes(array);
    combined?.stimulator?.groups.forEach(({ electrodes }, g) => {
      electrodes.forEach((electrode, i) => {
        if (!reference.includes(electrode)) return;
        const path = ['combined', 'stimulator', 'groups', g, 'electrodes', i];
        context.addIssue({ code: 'custom', path, message: IS_REFERENCE, input: electrode });
      });
    });
    if (stimulated.electrodes === 'black-squares') {
      if (electrodePlaces(geometry).every(isWhole)) return;
      const message = 'a list of electrodes: this array has no rows and columns';
      context.addIssue({ code: 'custom', path: ['stimulated', 'electrodes'], message, input: 'black-squares' });
      return;
    }
    stimulated.electrodes.forEach((electrode, i, all) => {
      const isOnce = all.indexOf(electrode) === i;
      if (electrode < count && isOnce && !reference.includes(electrode)) return;
      const problem = isOnce ? IS_REFERENCE : 'each electrode once';
      const message = electrode < count ? problem : `electrodes from 0 to ${count - 1}`;
      context.addIssue({ code: 'custom', path: ['stimulated', 'electrodes', i], message, input: electrode });
    });
  });

/** A checked rig. */
export type Rig = Readonly<z.infer<typeof rigSchema>>;

/** Infinity for an array that is wrong itself, which has been said. */
function countOf(array: ArraySection): number {
  const geometry = findGeometry(array);
  return geometry === undefined ? Infinity : countElectrodes(geometry);
}

function isWhole({ x, y }: ArrayPlace): boolean {
  return Number.isInteger(x) && Number.isInteger(y);
}

/** Electrode (from 0) of every input. */
export function stimulatedElectrodes({ array, stimulated }: Rig): readonly number[] {
  if (stimulated.electrodes !== 'black-squares') return stimulated.electrodes;
  const reference = referenceElectrodes(array);
  return electrodePlaces(toArrayGeometry(array)).flatMap(({ x, y }, electrode) =>
    (x + y) % 2 === 0 && !reference.includes(electrode) ? [electrode] : [],
  );
}

/** The electrodes of a rig. */
export function toGeometry({ array }: Pick<Rig, 'array'>): ArrayGeometry {
  return toArrayGeometry(array);
}

/** Number of electrodes of a rig. */
export function electrodeCount(rig: Pick<Rig, 'array'>): number {
  return countElectrodes(toGeometry(rig));
}

/** Electrodes that are not looked at, rising: those that the file excludes, and the reference. */
export function excludedElectrodes({ array, detection }: Pick<Rig, 'array' | 'detection'>): readonly number[] {
  return [...new Set([...detection.excluded, ...referenceElectrodes(array)])].toSorted((a, b) => a - b);
}

/**
 * The limits of a rig, as the gate and the device take them. Its reference may not be pulsed.
 *
 * @param nowMs wall time, ms since the epoch: by it impedances of a table have their age
 * @throws MeaError `bad-input` when the rig file has no safety section, or for impedances that are still to be measured
 */
export function toSafetyProfile(rig: Pick<Rig, 'name' | 'array' | 'safety'>, nowMs: number): SafetyProfile {
  const { name, array, safety } = rig;
  if (safety !== undefined) {
    const reference = referenceElectrodes(array);
    return toProfile(safety, { electrodeCount: electrodeCount(rig), reference, nowMs });
  }
  throw new MeaError('bad-input', {
    what: 'The rig has no limits of stimulation',
    where: `rig ${name}`,
    remedy: 'add a safety section; docs/rig-file.md lists its keys, rigs/mea-link-tcp.yaml is an example',
  });
}
