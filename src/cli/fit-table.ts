import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEVICE_ABILITIES } from '../../drivers/parts/device-abilities.js';
import type { DeviceAbility } from '../../drivers/parts/device-ability.js';
import { fitDevice, type DeviceFit } from '../closed-loop/device-fit.js';
import { experimentSchema, type Experiment } from '../closed-loop/experiment.js';
import { readConfigFile } from './config-file.js';
import { packageFolder } from './package-info.js';

/** A device, and what it makes of each bundled experiment. */
export interface FitRow {
  readonly device: string;
  readonly ability: DeviceAbility;
  readonly fits: readonly ({ readonly experiment: string } & DeviceFit)[];
}

/** Every device that there is a driver for against every bundled experiment. */
export async function fitBundled(): Promise<readonly FitRow[]> {
  const folder = join(packageFolder(), 'experiments');
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort();
  const experiments: Experiment[] = [];
  for (const file of files) experiments.push(await readConfigFile(join(folder, file), experimentSchema));
  return DEVICE_ABILITIES.map((ability) => ({
    device: ability.device,
    ability,
    fits: experiments.map((experiment) => ({ experiment: experiment.name, ...fitDevice(experiment, ability) })),
  }));
}

/** The table for a terminal: one paragraph a device, experiments with the same answer in one line. */
export function describeFits(rows: readonly FitRow[]): string {
  return rows.map(({ ability, fits }) => `${describeAbility(ability)}\n${groupLines(fits).join('\n')}\n`).join('\n');
}

/** The same as a table in Markdown, for docs/devices: verdicts, and below them the reasons by number. */
export function toMarkdown(rows: readonly FitRow[]): string {
  const reasons: string[] = [];
  const cellOf = ({ verdict, reason }: DeviceFit): string => {
    if (!reasons.includes(reason)) reasons.push(reason);
    return `${verdict} (${reasons.indexOf(reason) + 1})`;
  };
  const experiments = rows[0]?.fits.map(({ experiment }) => experiment) ?? [];
  const head = ['experiment', ...rows.map(({ device }) => device)];
  const lines = experiments.map((experiment, i) => [experiment, ...rows.map(({ fits }) => cellOf(fits[i]!))]);
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
  return [...table, '', ...reasons.map((reason, i) => `${i + 1}. ${reason}`)].join('\n');
}

function groupLines(fits: FitRow['fits']): string[] {
  const lines = new Map<string, string[]>();
  for (const { experiment, verdict, reason } of fits) {
    const line = `${verdict}: ${reason}`;
    lines.set(line, [...(lines.get(line) ?? []), experiment]);
  }
  return [...lines].map(([line, experiments]) => `  ${experiments.join(', ')}\n    ${line}`);
}

function describeAbility({ device, stimulation, measuresImpedance }: DeviceAbility): string {
  if (stimulation === null) return `${device}: records`;
  const { groups, electrodesPerGroup, together, scheduling, delivery, watchdogMs, afterDeath, off } = stimulation;
  const facts = [
    groups === null
      ? 'every pattern of electrodes'
      : `${groups} groups of ${electrodesPerGroup === null ? 'any number of electrodes' : `${electrodesPerGroup} electrode`}`,
    together === null ? 'all together' : `${together} at a time`,
    scheduling === 'at-sample' ? 'at the sample that is asked for' : 'as soon as it is triggered',
    delivery === 'acknowledged' ? 'the device says what left' : 'a recorder sees what left',
    `after the death of the program may leave: ${afterDeath} (${watchdogMs === null ? 'no watchdog' : `watchdog ${watchdogMs} ms`})`,
    ...(off === null
      ? []
      : [
          `emulated: last current ${off.lastCurrentMs} ms after the call for off, known to be off after ${off.knownMs} ms`,
        ]),
    measuresImpedance ? 'measures impedances' : 'impedances from a table',
  ];
  return `${device}: ${facts.join('; ')}`;
}
