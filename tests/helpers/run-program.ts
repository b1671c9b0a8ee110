import { execFile } from 'node:child_process';
import { MEACTL } from './served-culture.js';

/** The program as it is installed, run to its end. */
export function runProgram(
  argv: readonly string[],
  cwd: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MEACTL, ...argv], { cwd }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}
