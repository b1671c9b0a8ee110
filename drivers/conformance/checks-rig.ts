import type { CheckContext, RigClaims } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { want, wantEqual } from './expectations.js';

/** Whether the rig file speaks of this device. They ask the device nothing beyond its answer to hello. */
export const RIG_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'rig-sample-rate',
    title: "the rig file's `sampleRateHz` is the rate of the device",
    section: 'rig',
    electrodes: 'untouched',
    run(context: CheckContext): Promise<void> {
      const { sampleRateHz } = claimsOf(context);
      wantEqual('the device samples at', context.capabilities.sampleRateHz, sampleRateHz);
      return Promise.resolve();
    },
  },
  {
    id: 'rig-array',
    title: "the rig file's `array` has as many electrodes as the device has channels",
    section: 'rig',
    electrodes: 'untouched',
    run(context: CheckContext): Promise<void> {
      const { electrodeCount } = claimsOf(context);
      const { channels } = context.capabilities;
      if (channels === 0) throw new CheckSkipped('the device has no recording channels');
      want(channels === electrodeCount, `${channels} channels`, `${electrodeCount}, as the array has electrodes`);
      return Promise.resolve();
    },
  },
  {
    id: 'rig-electrodes',
    title: "the electrodes of the rig file's `safety` section exist, and one of them has an output",
    section: 'rig',
    electrodes: 'untouched',
    run(context: CheckContext): Promise<void> {
      const { channels } = context.capabilities;
      const outputs = new Set(context.stimulation.electrodes);
      const listed = context.profile.electrodes.filter(({ masked }) => !masked).map(({ electrode }) => electrode);
      const absent = listed.filter((electrode) => electrode >= channels && !outputs.has(electrode));
      const wanted =
        channels > 0 ? `electrodes from 0 to ${channels - 1}, or with an output` : 'electrodes with an output';
      want(absent.length === 0, `electrodes ${absent.join(', ')} in the rig file`, wanted);
      const usable = listed.some((electrode) => outputs.has(electrode));
      want(usable, 'no electrode with an output in the rig file', `some of ${[...outputs].join(', ')}`);
      return Promise.resolve();
    },
  },
];

function claimsOf({ rig }: CheckContext): RigClaims {
  if (rig === undefined) throw new CheckSkipped('no rig file is given');
  return rig;
}
