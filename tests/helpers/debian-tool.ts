import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';
import { describeSkipped } from './real-data.js';

/** A command whose success shows that the tool is there. */
export interface ToolProbe {
  readonly command: string;
  readonly args: readonly string[];
  /** What to install, for the reason of the skip, e.g. `apt-get install python3-scipy`. */
  readonly remedy: string;
}

/** Debian's Python with scipy, which reads and writes MAT-files and .npy. */
export const pythonWithScipy: ToolProbe = {
  command: '/usr/bin/python3',
  args: ['-c', 'import scipy.io, numpy'],
  remedy: 'apt-get install python3-scipy',
};

/** Debian's Python with a module, which its package python3-NAME has; some are in no package of Debian. */
export function pythonWith(name: string): ToolProbe {
  const isPackaged = !['pynwb', 'spikeinterface', 'PulsePal'].includes(name);
  return {
    command: '/usr/bin/python3',
    args: ['-c', `import ${name}`],
    remedy: isPackaged ? `apt-get install python3-${name}` : `${name} is in no package of Debian`,
  };
}

/** GNU Octave, which reads and writes MAT-files. */
export const octave: ToolProbe = {
  command: 'octave-cli',
  args: ['--version'],
  remedy: 'apt-get install octave',
};

/**
 * A suite that needs a program of the system. Where its probe fails it becomes one skipped test whose title and a line
 * on stderr say why.
 */
export function describeWithDebianTool(name: string, probe: ToolProbe, define: () => void): void {
  const { status } = spawnSync(probe.command, probe.args, { stdio: 'ignore' });
  if (status === 0) describe(name, define);
  else describeSkipped(name, `${probe.command} ${probe.args.join(' ')} failed; ${probe.remedy}`);
}

/**
 * Runs the tool to its end.
 *
 * @returns what it wrote to stdout
 * @throws Error with what it wrote to stderr when it fails
 */
export function runTool({ command }: ToolProbe, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
  return stdout;
}
