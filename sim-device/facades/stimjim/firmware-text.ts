/** A train as the firmware holds it; modes are numbers. */
export interface FirmwareTrain {
  readonly n: number;
  readonly modes: readonly [number, number];
  readonly periodUs: number;
  readonly durationUs: number;
  readonly stages: readonly { readonly amplitudes: readonly [number, number]; readonly durationUs: number }[];
}

const RULE = '-'.repeat(34);
const MODE_WORDS = ['Voltage output', 'Current output', 'No output (high-Z)', 'No output (grounded)'];

/** What it prints whenever a train was set or asked for. */
export function echoTrain({ n, modes, periodUs, durationUs, stages }: FirmwareTrain): string {
  const rows = stages.map(({ amplitudes, durationUs: stageUs }, i) => {
    const [first, second] = amplitudes.map((value, output) => `${pad(value, 8)}${unitOf(modes[output === 0 ? 0 : 1])}`);
    return `   ${pad(i, 2)}  ${pad(stageUs, 7)} usec ${first ?? ''} ${second ?? ''}\n`;
  });
  return [
    `${RULE}\r\nParameters for PulseTrain[${n}]\n`,
    ...modes.map((mode, output) => `  mode[ch${output}]: ${mode} (${MODE_WORDS[mode] ?? ''})\n`),
    `  period:    ${periodUs} usec (${(periodUs / 1e6).toFixed(3)} sec, ${(1e6 / periodUs).toFixed(3)} Hz)\n`,
    `  duration:  ${durationUs} usec (${(durationUs / 1e6).toFixed(3)} sec)\n`,
    '\n  stage    duration     output0   output1\r\n',
    ...rows,
    `${RULE}\n\r\n`,
  ].join('');
}

/** What it prints when a train has ended: the mean of what it measured at the end of each stage. */
export function reportTrain({ modes, stages }: FirmwareTrain, pulses: number, share: number): string {
  const rows = stages.map(({ amplitudes }, i) => {
    const cells = amplitudes.map((value, output) => {
      const mode = modes[output === 0 ? 0 : 1];
      const measured = mode > 1 || pulses === 0 ? 0 : Math.trunc(value * share);
      return `${pad(measured, 6)}${unitOf(mode)},          `;
    });
    return `Stage ${i}${cells.join('')}\r\n`;
  });
  return [
    `Train complete. Delivered ${pulses} pulses.\nCurrent/Voltage by stage: \r\n`,
    '           Ch0                Ch1 \r\n',
    ...rows,
  ].join('');
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}

function unitOf(mode: number): string {
  return mode === 0 ? 'mV' : 'uA';
}
