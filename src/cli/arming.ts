import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import type { ArmingRecord, TreatmentRecord } from '../../protocols/ledger.js';
import type { Experiment } from '../closed-loop/experiment.js';
import { stimulatedElectrodes, toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import { assertMeasured, unconfirmedLimits } from '../closed-loop/safety-section.js';

/** What a person says about the device and the culture that a run stimulates. */
export interface ArmingWords {
  /** Serial number of the device that may be armed; without it nothing is. */
  readonly arm?: string | undefined;
  /** Why limits whose source nobody has opened are good enough. */
  readonly acceptUnconfirmed?: string | undefined;
  /** How often the device may be armed again by itself after a trip of the host. */
  readonly rearm?: number | undefined;
  readonly treatmentLot?: string | undefined;
  /** When the treatment was applied, ISO 8601. */
  readonly treatmentApplied?: string | undefined;
}

/** Who expects more trips than this has something to mend first. */
const MAX_REARMS = 20;

/** What is to be armed. */
export interface ArmingCase {
  readonly experiment: Experiment;
  readonly rig: Rig;
  readonly serialNumber: string;
  /** Device, serial number and firmware, for messages. */
  readonly device: string;
  /** Wall time, ms since the epoch. */
  readonly nowMs: number;
}

/**
 * Holds a person's words against the device, its limits and the experiment.
 *
 * @returns what goes into the recording
 * @throws MeaError `refused` where a word is missing or too early, or impedances are too old or missing: nothing may be armed
 *   then; `usage` for a time that is none, or too many re-armings
 */
export function confirmArming(words: ArmingWords, { experiment, rig, ...device }: ArmingCase): ArmingRecord {
  const { serialNumber } = device;
  const limits = rig.safety?.name ?? 'none';
  if (words.arm !== serialNumber) {
    throw new MeaError('refused', {
      what: 'Nothing is armed without the word of a person',
      got: words.arm === undefined ? 'no --arm' : `--arm ${words.arm}`,
      wanted: `--arm ${serialNumber}`,
      where: `${device.device}, limits ${limits}`,
      remedy: 'look at the device and its culture, then give its serial number',
    });
  }
  const accepted = confirmLimits(words, rig);
  const { rearm = 0 } = words;
  const acceptNoWatchdog = rig.combined?.stimulator?.acceptNoWatchdog;
  if (rearm > MAX_REARMS) {
    throw new MeaError('usage', {
      what: 'Too many re-armings',
      got: `--rearm ${rearm}`,
      wanted: `at most ${MAX_REARMS}`,
      remedy: 'find out why the host stands still',
    });
  }
  if (rig.safety !== undefined) {
    const profile = toSafetyProfile(rig, device.nowMs);
    assertMeasured(rig.safety, { profile, stimulated: stimulatedElectrodes(rig) });
  }
  const treatment = confirmTreatment(words, experiment, device.nowMs);
  return {
    serialNumber,
    limits,
    ...(rearm > 0 && { rearms: rearm }),
    ...(acceptNoWatchdog !== undefined && { acceptedNoWatchdog: acceptNoWatchdog }),
    ...(accepted !== undefined && { acceptedUnconfirmed: accepted }),
    ...(treatment !== undefined && { treatment }),
  };
}

function confirmLimits(
  { acceptUnconfirmed: why }: ArmingWords,
  { name, safety }: Rig,
): ArmingRecord['acceptedUnconfirmed'] {
  const open = safety === undefined ? [] : unconfirmedLimits(safety);
  if (open.length === 0) return undefined;
  if (why !== undefined && why.trim() !== '') return { limits: open, why };
  throw new MeaError('refused', {
    what: 'Nobody has opened the source of some limits',
    got: open.join(', '),
    wanted: 'every limit looked up, or --accept-unconfirmed WHY',
    where: `rig ${name}, safety.unconfirmed`,
    remedy: 'look them up and take them off the list; the override and its reason go into the recording',
  });
}

function confirmTreatment(
  { treatmentLot: lot, treatmentApplied: applied }: ArmingWords,
  { treatment, name }: Experiment,
  nowMs: number,
): TreatmentRecord | undefined {
  if (treatment === undefined) {
    if (lot === undefined && applied === undefined) return undefined;
    throw new MeaError('usage', {
      what: 'A treatment was confirmed that the experiment does not have',
      got: lot === undefined ? '--treatment-applied' : '--treatment-lot',
      where: `experiment ${name}`,
      remedy: 'add a treatment section to the experiment file, or leave the option out',
    });
  }
  const { drug, concentrationUm, washInS } = treatment;
  if (lot === undefined || applied === undefined) {
    throw new MeaError('refused', {
      what: `The experiment is one under ${drug}, and nobody has confirmed that the culture has it`,
      got: lot === undefined ? 'no --treatment-lot' : 'no --treatment-applied',
      wanted: '--treatment-lot LOT --treatment-applied TIME',
      where: `experiment ${name}`,
      remedy: `apply ${concentrationUm} umol/l, then say which lot and when`,
    });
  }
  const appliedMs = Date.parse(applied);
  if (!z.iso.datetime({ offset: true }).safeParse(applied).success) {
    throw new MeaError('usage', {
      what: 'Bad --treatment-applied',
      got: applied,
      wanted: 'a time in ISO 8601 with its zone, e.g. 2026-11-28T09:30:00Z',
    });
  }
  const leftS = washInS - (nowMs - appliedMs) / 1000;
  if (appliedMs > nowMs || leftS > 0) {
    throw new MeaError('refused', {
      what: `${drug} has not washed in yet`,
      got: appliedMs > nowMs ? `${applied} is still to come` : `${Math.floor((nowMs - appliedMs) / 1000)} s`,
      wanted: `${washInS} s from its application to the first stimulus`,
      where: `experiment ${name}`,
      remedy: `start again in ${Math.ceil(leftS)} s`,
    });
  }
  return { drug, concentrationUm, lot, appliedAt: new Date(appliedMs).toISOString(), washInS };
}
