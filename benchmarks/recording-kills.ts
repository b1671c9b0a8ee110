import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killRecording } from '../tests/helpers/kill-recordings.js';
import { RATE_HZ } from '../tests/helpers/recording-scenario.js';
import { medianOf, printLine } from './measure.js';

// `npm run bench -- recording-kills [kills]`: a program that records is killed (SIGKILL) at random moments; each time the
// recording is recovered, read whole and verified. Asked for: all of them readable, all that was promised is there.
const [kills = 200] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'recording-kills-'));
let readable = 0;
let kept = 0;
const unpromised: number[] = [];
const lost: number[] = [];
try {
  for (let seed = 1; seed <= kills; seed++) {
    try {
      const killed = await killRecording(join(folder, 'recording'), seed);
      readable += 1;
      if (killed.readSamples >= killed.promisedSamples && killed.readRecords >= killed.promisedRecords) kept += 1;
      unpromised.push(killed.readSamples - killed.promisedSamples);
      lost.push(killed.lostSeconds);
    } catch (error) {
      printLine(`kill ${seed}: ${String(error)}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
printLine(
  `${kills} kills: ${readable} readable, ${kept} with all that was promised; read beyond the promise ${medianOf(unpromised)} samples (median); at most ${Math.round(Math.max(...lost) * RATE_HZ)} frames, given much faster than real time, set aside`,
);
