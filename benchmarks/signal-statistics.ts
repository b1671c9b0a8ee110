import process from 'node:process';

import {
  measureBurstRate,
  measureEvokedCounts,
  measureFallOff,
  measureNoise,
  measureRailTimes,
  measureSpontaneous,
} from '../tests/helpers/signal-runs.js';
import { printLine } from './measure.js';

// What the emulated rig was set to, beside what its int16 samples show: `npm run bench -- signal-statistics [seconds]`,
// the length of signal at the lowest burst rate, 10,000 s by default. Exit code 1 when something is off by more than
// 20 %, a channel without a pulse is at the rail for more than 1 ms, or a count is not the culture's.
const SEED = 71;
const LOWEST_BURST_HZ = 0.02;
const seconds = Number(process.argv[2] ?? 10_000);
const PREAMBLE = [
  'Emulated rig, measured from its samples: high-pass 300 Hz, threshold 20 x median(|x|) / 0.6745, dead time 1 ms. Where',
  'spikes are measured all units are of 300 uV in 5 uV of noise, with hum and drift, so that detection is near perfect',
  '(bursts, Fano factor: 4 x 4 electrodes 1 mm apart, 10 kHz; fall-off: 6 x 6, 50 um). Spikes are aligned by their',
  'detected peaks, up to a sample early, which takes 4 % off their sizes. Truth is used for the share of detected spikes',
  'and the counts at the end only. A burst: 40 % of the channels within 0.1 s; two closer than 0.25 s count as one.',
] as const;
let failures = 0;

function printRow(cells: readonly (string | number)[]): void {
  const widths = [34, 12, 12, 9, 14];
  printLine(cells.map((cell, i) => String(cell).padEnd(widths[i] ?? 0)).join(''));
}

function judge(quantity: string, setting: number, { measured, from }: Measurement): void {
  const ratio = measured / setting;
  const isWithin = Math.abs(ratio - 1) <= 0.2;
  if (!isWithin) failures++;
  printRow([quantity, setting, measured.toPrecision(4), ratio.toFixed(3), isWithin ? 'yes' : 'NO', from]);
}

/** A value that the samples show, and what it was made of. */
interface Measurement {
  readonly measured: number;
  readonly from: string;
}

function check(text: string, holds: boolean): void {
  if (!holds) failures++;
  printLine(`${text}: ${holds ? 'yes' : 'NO'}`);
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

function judgeBursts(): void {
  for (const burstHz of [LOWEST_BURST_HZ, 0.05, 0.2]) {
    const length = { seconds: Math.round((seconds * LOWEST_BURST_HZ) / burstHz), seed: SEED };
    const { hz, bursts, detectedShare } = measureBurstRate(burstHz, length);
    const error = percent(1 / Math.sqrt(burstHz * length.seconds));
    const from = `${bursts} bursts in ${length.seconds} s, counting error ${error}; spikes detected ${percent(detectedShare)}`;
    judge('network bursts, Hz', burstHz, { measured: hz, from });
  }
}

function judgeSpontaneous(): void {
  for (const setting of [1, 4]) {
    const { fano, hz, detectedShare } = measureSpontaneous(setting, { seconds: 300, seed: SEED });
    const from = `16 channels, 300 windows of 1 s; spikes detected ${percent(detectedShare)}`;
    judge('Fano factor of counts', setting, { measured: fano, from });
    judge(`  rate beside it, Hz`, 5, { measured: hz, from: 'the same' });
  }
}

function judgeFallOff(): void {
  for (const setting of [100, 150]) {
    const { lengthUm, spikes, amplitudes } = measureFallOff(setting, { seconds: 60, seed: SEED });
    const course = amplitudes
      .filter(({ distanceUm }) => distanceUm % 50 === 0)
      .map(({ distanceUm, amplitude }) => `${distanceUm}: ${amplitude.toFixed(1)}`);
    judge('spike falls to 1/e in, um', setting, { measured: lengthUm, from: `${spikes} spikes averaged` });
    judge('  its size at 0 um, uV', 300, { measured: amplitudes[0]!.amplitude, from: `um: uV ${course.join(', ')}` });
  }
}

function judgeNoise(): void {
  for (const setting of [
    { rmsUv: 5, slope: 1, neighbourCorrelation: 0.1 },
    { rmsUv: 8, slope: 1.4, neighbourCorrelation: 0.25 },
  ]) {
    const { rmsUv, slope, neighbourCorrelation, ...rest } = measureNoise(setting, { seconds: 60, seed: SEED });
    const from = '64 channels, 60 s';
    judge('slope of the spectrum, 3-200 Hz', setting.slope, { measured: slope, from });
    judge('rms in 300-3000 Hz, uV', setting.rmsUv, { measured: rmsUv, from });
    judge('correlation of neighbours', setting.neighbourCorrelation, {
      measured: neighbourCorrelation,
      from: `${rest.pairs} pairs; 4 pitches apart ${rest.distantCorrelation.toFixed(4)}`,
    });
  }
}

for (const line of PREAMBLE) printLine(line);
printLine('');
printRow(['quantity', 'setting', 'measured', 'ratio', 'within 20 %', 'from']);
judgeBursts();
judgeSpontaneous();
judgeFallOff();
judgeNoise();
printLine('');
const { pulsedMs, otherMs } = measureRailTimes(20, SEED);
printLine(`20 stimuli, 32 black squares of 8 x 8 at once: longest at the rail ${pulsedMs} ms where pulsed`);
check(`  at most 1 ms elsewhere: ${otherMs} ms`, otherMs <= 1);
const evoked = await measureEvokedCounts(256, SEED);
check(
  `${evoked.trials} trials, ${evoked.spikes} spikes by the truth in 10-30 ms, ${evoked.different} counts not the culture's; all equal`,
  evoked.different === 0 && evoked.spikes > 0,
);
for (const { ms, net, moved } of evoked.shifts) {
  printLine(`  window shifted by ${ms} ms: ${percent(net)} spikes, single counts change by ${percent(moved)} in sum`);
}
if (failures > 0) {
  printLine(`${failures} outside what was asked for`);
  process.exitCode = 1;
}
