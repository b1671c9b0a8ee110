import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import type { SafetyProfile } from '../../protocols/stimulation/safety-profile.js';
import { combinedSectionSchema } from './combined-section.js';
import { DEFAULT_DETECTION, detectionSectionSchema } from './detection-section.js';
import { findSectionMistakes, safetySectionSchema, toProfile } from './safety-section.js';

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
    array: z
      .strictObject({
        rows: z.int().min(1).max(64).describe('Rows of the array.'),
        columns: z.int().min(1).max(64).describe('Columns of the array.'),
        pitchUm: z
          .number()
          .positive()
          .optional()
          .describe('Distance between neighbours in micrometres; recordings then hold where each electrode is.'),
      })
      .describe('The electrodes, numbered row by row from 0.'),
    stimulated: z
      .strictObject({
        electrodes: z
          .union([z.literal('black-squares'), z.array(z.int().min(0)).min(2)])
          .describe(
            'Electrode of each input, in order; `black-squares`: (row + column) even, row by row, as the emulator has its outputs.',
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
    const channels = combined?.recorder.channels.length;
    if (channels !== undefined && channels !== array.rows * array.columns) {
      const message = `a channel for each of the ${array.rows * array.columns} electrodes`;
      context.addIssue({ code: 'custom', path: ['combined', 'recorder', 'channels'], message, input: channels });
    }
    if (isReal && safety === undefined) {
      context.addIssue({ code: 'custom', path: ['safety'], message: 'the limits of the array', input: safety });
    }
    for (const { path, ...issue } of safety === undefined
      ? []
      : findSectionMistakes(safety, array.rows * array.columns)) {
      context.addIssue({ code: 'custom', path: ['safety', ...path], ...issue });
    }
  })
  .superRefine(({ array, detection, sampleRateHz }, context) => {
    const count = array.rows * array.columns;
    detection.excluded.forEach((electrode, i, all) => {
      if (electrode < count && all.indexOf(electrode) === i) return;
      const message = electrode < count ? 'each electrode once' : `electrodes from 0 to ${count - 1}`;
      context.addIssue({ code: 'custom', path: ['detection', 'excluded', i], message, input: electrode });
    });
    if (detection.bandHz[1] < sampleRateHz / 2) return;
    const message = `below half the sample rate, ${sampleRateHz / 2} Hz`;
    context.addIssue({ code: 'custom', path: ['detection', 'bandHz', 1], message, input: detection.bandHz[1] });
  })
  .superRefine(({ array, stimulated }, context) => {
    if (stimulated.electrodes === 'black-squares') return;
    const count = array.rows * array.columns;
    stimulated.electrodes.forEach((electrode, i, all) => {
      if (electrode < count && all.indexOf(electrode) === i) return;
      const problem = electrode < count ? 'each electrode once' : `electrodes from 0 to ${count - 1}`;
      context.addIssue({ code: 'custom', path: ['stimulated', 'electrodes', i], message: problem, input: electrode });
    });
  });

/** A checked rig. */
export type Rig = Readonly<z.infer<typeof rigSchema>>;

/** Electrode (from 0, row by row) of every input. */
export function stimulatedElectrodes({ array, stimulated }: Rig): readonly number[] {
  if (stimulated.electrodes !== 'black-squares') return stimulated.electrodes;
  const electrodes: number[] = [];
  for (let electrode = 0; electrode < array.rows * array.columns; electrode++) {
    const row = Math.floor(electrode / array.columns);
    if ((row + (electrode % array.columns)) % 2 === 0) electrodes.push(electrode);
  }
  return electrodes;
}

/**
 * The limits of a rig, as the gate and the device take them.
 *
 * @throws MeaError `bad-input` when the rig file has no safety section
 */
export function toSafetyProfile({ name, array, safety }: Rig): SafetyProfile {
  if (safety !== undefined) return toProfile(safety, array.rows * array.columns);
  throw new MeaError('bad-input', {
    what: 'The rig has no limits of stimulation',
    where: `rig ${name}`,
    remedy: 'add a safety section; docs/rig-file.md lists its keys, rigs/mea-link-tcp.yaml is an example',
  });
}
