// A program that records until it is killed: node record-until-killed.js FOLDER CHANNELS. It says on its standard output what
// was promised to be safe, one line each: the next sample, and the records of the journal.
import { writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { sampleIndex } from '../../protocols/units.js';
import { systemClock } from '../../src/clock.js';
import { systemTimers } from '../../src/timers.js';
import { describeProbe } from '../../src/recording/probe-file.js';
import { startRecorder } from '../../src/recording/start-recorder.js';
import { sessionOf, valueOf } from './recording-scenario.js';

const [folder, channelText] = process.argv.slice(2);
const channels = Number(channelText);
const BLOCK = 20;
/** Samples that are given and not yet promised: the disk must be able to follow. */
const MAX_AHEAD = 40_000;
let promised = 0;
const recorder = await startRecorder({
  clock: systemClock(),
  timers: systemTimers(),
  folder: folder!,
  session: sessionOf({ seconds: 0, channels }),
  probe: describeProbe({ rows: 1, columns: channels }),
  syncMs: 10,
  reserveBytes: 2 ** 20,
  onNotice: (notice) => {
    if (notice.type !== 'saved') return;
    promised = notice.nextSample ?? 0;
    writeSync(1, `${promised} ${notice.records}\n`);
  },
});
let records = 0;
for (let sample = 0; ; sample += BLOCK) {
  const samples = new Int16Array(BLOCK * channels);
  for (let i = 0; i < samples.length; i++) samples[i] = valueOf(sample + Math.floor(i / channels), i % channels);
  recorder.block({ firstSample: sampleIndex(sample), frames: BLOCK, channels, samples });
  if (sample % 1000 === 0) {
    recorder.ledger(Buffer.from(`{"type":"rest","session":${records},"seconds":1}`));
    records += 1;
  }
  if (sample % 200 === 0) await setImmediate();
  while (sample - promised > MAX_AHEAD) await setImmediate();
}
