import { CheckFailed, CheckSkipped } from '../../drivers/conformance/check-verdict.js';
import { ArtefactWatch } from '../../drivers/parts/artefact-watch.js';
import type { DeliverySight } from '../../drivers/parts/combined-options.js';
import { checkGroups } from '../../drivers/parts/group-programs.js';
import type { RecorderEvent } from '../../drivers/parts/recorder.js';
import type { MeasuredPulse, Stimulator } from '../../drivers/parts/stimulator.js';
import { hertz } from '../../protocols/units.js';
import { systemClock } from '../clock.js';
import { toCombinedAddress } from '../closed-loop/device-address.js';
import { toSafetyProfile, type Rig } from '../closed-loop/rig.js';
import type { CheckBench, CheckStep } from './check-bench.js';

/** So near to what was asked a measured current is; devices tell whole microamperes. */
const CURRENT_TOLERANCE = 0.1;
const ROUNDING_UA = 1;

/** What is to be done with a dummy load. */
export interface LoadCheck {
  readonly stimulator: Stimulator;
  readonly rig: Rig;
  /** The serial number of the stimulator that a person has put on a dummy load. */
  readonly load: string | undefined;
}

/** The first real pulses: one of each group into a dummy load, each held against what was asked. */
export function loadSteps(bench: CheckBench, { stimulator, rig, load }: LoadCheck): readonly CheckStep[] {
  const { serialNumber, groups } = stimulator.description;
  const wanted = `--load ${serialNumber}`;
  return groups.map((group, index) => ({
    id: `load-${group.trigger.replaceAll(' ', '-')}`,
    title: `a pulse of ${group.trigger} comes out on its electrodes, and on no other`,
    remedy: 'see the channel map and the wiring, before any culture is connected',
    run: async () => {
      if (load === undefined) throw new CheckSkipped(`with a dummy load in place of the culture, give ${wanted}`);
      if (load !== serialNumber) throw new CheckFailed(`--load ${load}`, wanted);
      if (index === 0) await programLoad(bench, { stimulator, rig });
      try {
        return await expectPulse(bench, { stimulator, sight: toCombinedAddress(rig).sight, index });
      } finally {
        if (index === groups.length - 1) await stimulator.allOff();
      }
    },
  }));
}

/** Under the limits of the rig, as a run would. Some devices are programmed only while they do not acquire. */
async function programLoad(
  { parts: { recorder } }: CheckBench,
  { stimulator, rig }: Pick<LoadCheck, 'stimulator' | 'rig'>,
): Promise<void> {
  const { stimulation, groups } = stimulator.description;
  const patterns = checkGroups(groups, {
    phases: toCombinedAddress(rig).phases,
    profile: toSafetyProfile(rig, systemClock().wallMs()),
    capabilities: stimulation,
    sampleRateHz: hertz(rig.sampleRateHz),
  });
  await recorder.stop();
  await stimulator.program(patterns);
  await recorder.start();
}

interface AskedPulse {
  readonly stimulator: Stimulator;
  readonly sight: DeliverySight;
  /** Of the group. */
  readonly index: number;
}

async function expectPulse(bench: CheckBench, { stimulator, sight, index }: AskedPulse): Promise<string> {
  const wanted = [...stimulator.description.groups[index]!.electrodes].sort((a, b) => a - b);
  const seen = bench.untilSeen(pickSight(bench, sight, wanted));
  const measured = stimulator.measured$ === undefined ? undefined : bench.first(stimulator.measured$);
  await stimulator.fire([index]);
  const found = await seen;
  if (found === undefined) throw new CheckFailed('nothing was seen', `electrodes ${wanted.join(', ')}`);
  if ('wrong' in found) throw new CheckFailed(found.wrong, found.wanted);
  if (measured === undefined) return `${found.found}; the device measures no current`;
  return `${found.found}; ${judgeMeasured(await measured)}`;
}

/** @returns what was measured @throws CheckFailed where it is not what was asked */
function judgeMeasured(pulse: MeasuredPulse | undefined): string {
  if (pulse === undefined) throw new CheckFailed('no report of the current', 'one by the device');
  const { electrode, phases } = pulse;
  const asked = `${phases.map(({ askedUa }) => askedUa).join(', ')} uA`;
  const text = `${phases.map(({ measuredUa }) => measuredUa).join(', ')} uA measured on electrode ${electrode}`;
  const isSame = phases.every(
    ({ askedUa, measuredUa }) => Math.abs(measuredUa - askedUa) <= CURRENT_TOLERANCE * Math.abs(askedUa) + ROUNDING_UA,
  );
  if (!isSame) throw new CheckFailed(text, asked);
  return `${text}, ${asked} asked`;
}

type Found = { readonly found: string } | { readonly wrong: string; readonly wanted: string };

/** How the pulse of a group shows, and what is wrong with it. */
function pickSight(
  { parts }: CheckBench,
  sight: DeliverySight,
  wanted: readonly number[],
): (event: RecorderEvent) => Found | undefined {
  switch (sight.type) {
    case 'pulses':
      return (event) => (event.type === 'pulses-seen' ? judgePulses(event, wanted) : undefined);
    case 'line':
      return (event) => (event.type === 'line-changed' && event.isHigh ? judgeLine(event, sight.line) : undefined);
    case 'artefact':
      return watchArtefact(parts.recorder.description, sight.aboveUv, wanted);
  }
}

function judgePulses(
  { electrodes, atCompliance, sample }: Extract<RecorderEvent, { readonly type: 'pulses-seen' }>,
  wanted: readonly number[],
): Found {
  if (electrodes.join() !== wanted.join()) {
    return { wrong: `electrodes ${electrodes.join(', ')}`, wanted: `electrodes ${wanted.join(', ')}` };
  }
  if (atCompliance.length > 0) {
    return { wrong: `compliance voltage reached on electrodes ${atCompliance.join(', ')}`, wanted: 'less than that' };
  }
  return { found: `electrodes ${electrodes.join(', ')} at sample ${sample}` };
}

function judgeLine(
  { line, sample }: Extract<RecorderEvent, { readonly type: 'line-changed' }>,
  wantedLine: number,
): Found {
  if (line !== wantedLine) return { wrong: `line ${line} rose`, wanted: `line ${wantedLine}` };
  return { found: `line ${line} rose at sample ${sample}; the recorder does not tell electrodes` };
}

function watchArtefact(
  { sampleRateHz, gainUvPerBit }: { readonly sampleRateHz: number; readonly gainUvPerBit: number },
  aboveUv: number,
  wanted: readonly number[],
): (event: RecorderEvent) => Found | undefined {
  const watch = new ArtefactWatch({ aboveUv, gainUvPerBit, sampleRateHz, skewSamples: 0 });
  return (event) => {
    if (event.type !== 'block') return undefined;
    const [step] = watch.look(event);
    if (step === undefined) return undefined;
    const missing = wanted.filter((electrode) => !step.electrodes.includes(electrode));
    if (missing.length === 0)
      return { found: `an artefact on electrodes ${wanted.join(', ')} at sample ${step.sample}` };
    return {
      wrong: `an artefact on electrodes ${step.electrodes.join(', ')} at sample ${step.sample}`,
      wanted: `one on ${wanted.join(', ')}`,
    };
  };
}
