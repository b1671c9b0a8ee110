import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ToolProbe } from './debian-tool.js';

/** socat, which joins two pseudo-terminals. */
export const socat: ToolProbe = { command: 'socat', args: ['-V'], remedy: 'apt-get install socat' };

/** Two serial ports and the cable between them. */
export interface PtyPair {
  readonly hostPath: string;
  readonly devicePath: string;
  /** Files open at each end, through which a test may write what no program of ours would. */
  readonly hostFile: number;
  readonly deviceFile: number;
  /** Pulls the cable: both ports are gone. Harmless the second time. */
  end(): Promise<void>;
}

/** Makes a pair; its process is ended by `end`. Both ends stay open meanwhile, for the last one to close hangs up. */
export async function openPtyPair(): Promise<PtyPair> {
  const folder = mkdtempSync(join(tmpdir(), 'meactl-pty-'));
  const hostPath = join(folder, 'host');
  const devicePath = join(folder, 'device');
  const cable = spawn(socat.command, [`pty,raw,echo=0,link=${hostPath}`, `pty,raw,echo=0,link=${devicePath}`], {
    stdio: 'ignore',
  });
  const ended = once(cable, 'exit');
  for (let left = 2000; !existsSync(hostPath) || !existsSync(devicePath); left--) {
    if (left === 0) throw new Error('socat has made no pair of terminals within 10 s');
    await sleep(5);
  }
  const flags = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;
  const files = [openSync(hostPath, flags), openSync(devicePath, flags)] as const;
  let isEnded = false;
  return {
    hostPath,
    devicePath,
    hostFile: files[0],
    deviceFile: files[1],
    end: async () => {
      if (isEnded) return;
      isEnded = true;
      cable.kill();
      await ended;
      for (const file of files) closeSync(file);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
