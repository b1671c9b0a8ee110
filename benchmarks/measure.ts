/** Middle value of a list of times. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Value below which the given share of a list lies. */
export function quantileOf(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(share * values.length))]!;
}

/** Times of `runs` calls in milliseconds, after `warmUp` calls that are not counted. */
export function timeRuns(
  work: () => void,
  { runs, warmUp }: { readonly runs: number; readonly warmUp: number },
): number[] {
  for (let i = 0; i < warmUp; i++) work();
  return Array.from({ length: runs }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
}

/**
 * How fast the machine is right now: megabytes a second of a plain sum over 16-bit numbers, so that a figure of a loaded
 * machine can be told from a slow program.
 */
export function machineRate(): number {
  const values = new Uint16Array(1 << 21).fill(3);
  let sink = 0;
  const times = timeRuns(
    () => {
      let sum = 0;
      for (let i = 0; i < values.length; i += 4) sum += values[i]! + values[i + 1]! + values[i + 2]! + values[i + 3]!;
      sink += sum;
    },
    { runs: 15, warmUp: 5 },
  );
  if (sink === 0) throw new Error('the sum was not made');
  return values.byteLength / 1e6 / (medianOf(times) / 1000);
}

/**
 * How fast memory is right now: million int16 a CPU second that a plain copy of 2 MiB moves, the best of several rounds.
 */
export function copyRate(): number {
  const from = new Int16Array(1 << 20).fill(1);
  const to = new Int16Array(1 << 20);
  const seconds = Array.from({ length: 20 }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < 50; i++) to.set(from);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  });
  return (50 * from.length) / Math.min(...seconds) / 1e6;
}

/** Prints one line of a benchmark. */
export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}
