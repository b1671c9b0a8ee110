// A program that records on a disk that stands still after the first word of safety: node record-on-hung-disk.js FOLDER.
import { writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { sampleIndex } from '../../protocols/units.js';
import { endHung } from '../../src/cli/end-hung.js';
import { systemClock } from '../../src/clock.js';
import { describeProbe } from '../../src/recording/probe-file.js';
import { startRecorder } from '../../src/recording/start-recorder.js';
import { systemTimers } from '../../src/timers.js';
import { sessionOf, valueOf } from '../helpers/recording-scenario.js';

const folder = process.argv[2]!;
let onSaved: () => void = () => undefined;
const saved = new Promise<void>((resolve) => {
  onSaved = resolve;
});
const recorder = await startRecorder({
  clock: systemClock(),
  timers: systemTimers(),
  folder,
  session: sessionOf({ seconds: 0, channels: 2 }),
  probe: describeProbe({ rows: 1, columns: 2 }),
  diskProgram: new URL('./hung-disk.js', import.meta.url),
  syncMs: 10,
  reserveBytes: 1024,
  closeDeadlineMs: 300,
  onNotice: ({ type, ...notice }) => {
    if (type === 'failed') writeSync(1, `told ${type}\n`);
    if (type === 'saved' && 'nextSample' in notice && notice.nextSample === 100) onSaved();
  },
});
const give = (sample: number): void => {
  const samples = Int16Array.from({ length: 200 }, (_, i) => valueOf(sample + (i >> 1), i % 2));
  recorder.block({ firstSample: sampleIndex(sample), frames: 100, channels: 2, samples });
};
give(0);
await saved;
writeFileSync(join(folder, '..', 'hang'), '');
give(100);
try {
  await recorder.close();
} catch (error) {
  writeSync(1, `${String(error)}\n`);
}
writeSync(1, `hung ${recorder.isHung}\n`);
if (recorder.isHung) await endHung();
