import { copyRate, machineRate, printLine } from './measure.js';

// What the machine can do right now, beside every other figure of a run of `npm run bench`.
printLine(
  `machine: a copy moves ${copyRate().toFixed(0)} million int16 a CPU second; a sum, ${machineRate().toFixed(0)} MB/s`,
);
