import { hertz } from '../../protocols/units.js';
import type { CheckContext } from './check-context.js';
import { CheckSkipped } from './check-verdict.js';
import type { ConformanceCheck } from './conformance-check.js';
import { want, wantEqual, wantRefused, wantReply } from './expectations.js';

const FREQUENCY_HZ = hertz(1000);

/** Impedances. A measurement sends a small current through the electrode, so that it counts as driving it. */
export const IMPEDANCE_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'impedance-values',
    title: 'measure-impedance gives a magnitude and a phase for each electrode that was asked for, in that order',
    section: 'impedance',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      assertMeasures(context);
      const electrodes = (context.capabilities.stimulation?.electrodes ?? [0]).slice(0, 3).toReversed();
      const session = await context.openConfigured();
      const command = { type: 'measure-impedance', electrodes, frequencyHz: FREQUENCY_HZ } as const;
      const { values, frequencyHz } = wantReply(await session.send(command), 'impedances');
      wantEqual('electrodes', values.map(({ electrode }) => electrode).join(), electrodes.join());
      wantEqual('frequency', frequencyHz, FREQUENCY_HZ);
      for (const { electrode, magnitudeOhm, phaseDegrees } of values) {
        want(
          magnitudeOhm > 0 && Number.isFinite(magnitudeOhm),
          `${magnitudeOhm} ohm (${electrode})`,
          'more than 0 ohm',
        );
        want(Math.abs(phaseDegrees) <= 180, `${phaseDegrees} degrees (${electrode})`, '-180 to 180 degrees');
      }
    },
  },
  {
    id: 'impedance-no-electrode',
    title: 'measure-impedance of an electrode that is none is refused as `bad-argument`',
    section: 'impedance',
    electrodes: 'driven',
    async run(context: CheckContext): Promise<void> {
      assertMeasures(context);
      const { channels, stimulation } = context.capabilities;
      const none = Math.max(channels, ...(stimulation?.electrodes ?? []).map((electrode) => electrode + 1));
      const session = await context.openConfigured();
      const command = { type: 'measure-impedance', electrodes: [none], frequencyHz: FREQUENCY_HZ } as const;
      wantRefused(await session.send(command), 'bad-argument');
    },
  },
];

function assertMeasures({ capabilities }: CheckContext): void {
  if (!capabilities.canMeasureImpedance) throw new CheckSkipped('the device does not measure impedances');
}
