import { createLineSplitter } from '../text-lines.js';
import {
  STIMJIM_MODES,
  type StimJimMode,
  type StimJimStage,
  type StimJimTimer,
  type StimJimTrain,
} from './commands.js';

/** A value as it was measured: in uA on an output that gives a current, else in mV. */
export interface StimJimMeasured {
  readonly value: number;
  readonly unit: 'uA' | 'mV';
}

/** What a StimJim says. */
export type StimJimReply =
  | { readonly type: 'booting' }
  | { readonly type: 'ready' }
  /** The echo of a train: what the device now holds. */
  | { readonly type: 'train'; readonly train: StimJimTrain }
  | { readonly type: 'started'; readonly timer: StimJimTimer; readonly n: number }
  | { readonly type: 'stopped'; readonly timer: StimJimTimer }
  /** The end of a train; a `measured` for each stage follows. */
  | { readonly type: 'complete'; readonly pulses: number }
  | { readonly type: 'measured'; readonly stage: number; readonly outputs: readonly [StimJimMeasured, StimJimMeasured] }
  /** A train number that it does not have: also what firmware says to a stop that it does not know. */
  | { readonly type: 'invalid-train' }
  | { readonly type: 'adc'; readonly value: number }
  /** A line that says nothing to a program. */
  | { readonly type: 'other'; readonly text: string };

/** Reads what a StimJim says, in whatever pieces it comes. Two lines that its interrupts have mixed become `other`. */
export interface StimJimReader {
  push(bytes: Uint8Array): StimJimReply[];
}

const MAX_LINE = 1024;
const HEADER = /^Parameters for PulseTrain\[(\d+)\]$/u;
const MODE = /^ {2}mode\[ch([01])\]: ([0-3]) \(/u;
const PERIOD = /^ {2}period:\s+(\d+) usec \(/u;
const DURATION = /^ {2}duration:\s+(\d+) usec \(/u;
const STAGE = /^\s*(\d+)\s+(\d+) usec\s+(-?\d+)(?:mV|uA)\s+(-?\d+)(?:mV|uA)$/u;
const MEASURED = /^Stage (\d)\s*(-?\d+)(uA|mV),\s*(-?\d+)(uA|mV),?\s*$/u;
const RULE = /^-{10,}$/u;

/** A parameter block that is being read. */
interface Block {
  readonly n: number;
  readonly modes: (StimJimMode | undefined)[];
  periodUs?: number;
  durationUs?: number;
  readonly stages: StimJimStage[];
}

export function createStimJimReader(): StimJimReader {
  const splitter = createLineSplitter(MAX_LINE);
  let block: Block | null = null;

  function readLine(line: string): StimJimReply | null {
    const header = HEADER.exec(line);
    if (header !== null) {
      block = { n: Number(header[1]), modes: [undefined, undefined], stages: [] };
      return null;
    }
    if (block !== null) {
      if (RULE.test(line)) {
        const ended = block;
        block = null;
        return endBlock(ended);
      }
      if (readIntoBlock(block, line)) return null;
      // an interrupt has spoken in between: what it said is heard, the block goes on
    }
    if (line.trim() === '' || RULE.test(line)) return null;
    return readSingle(line);
  }

  return { push: (bytes) => splitter.push(bytes).flatMap((line) => readLine(line) ?? []) };
}

/** True when the line belongs to the block. */
function readIntoBlock(block: Block, line: string): boolean {
  const mode = MODE.exec(line);
  if (mode !== null) {
    block.modes[Number(mode[1])] = STIMJIM_MODES[Number(mode[2])];
    return true;
  }
  const period = PERIOD.exec(line);
  if (period !== null) block.periodUs = Number(period[1]);
  const duration = DURATION.exec(line);
  if (duration !== null) block.durationUs = Number(duration[1]);
  const stage = STAGE.exec(line);
  // a row that is missing shows in its number
  if (stage !== null && Number(stage[1]) === block.stages.length) {
    block.stages.push({ amplitudes: [Number(stage[3]), Number(stage[4])], durationUs: Number(stage[2]) });
  }
  return period !== null || duration !== null || stage !== null || /^\s+stage\s+duration/u.test(line);
}

function endBlock({ n, modes, periodUs, durationUs, stages }: Block): StimJimReply {
  const [mode0, mode1] = modes;
  if (mode0 === undefined || mode1 === undefined || periodUs === undefined || durationUs === undefined) {
    return { type: 'other', text: `parameters of train ${n} that lack something` };
  }
  return { type: 'train', train: { n, modes: [mode0, mode1], periodUs, durationUs, stages } };
}

function readSingle(line: string): StimJimReply {
  const started = /^Started ([TU]) train with parameters of PulseTrain (\d+)$/u.exec(line);
  if (started !== null) return { type: 'started', timer: timerOf(started[1]), n: Number(started[2]) };
  const stopped = /^Forcing ([TU]) train to stop/u.exec(line);
  if (stopped !== null) return { type: 'stopped', timer: timerOf(stopped[1]) };
  const complete = /^Train complete\. Delivered (\d+) pulses\.$/u.exec(line);
  if (complete !== null) return { type: 'complete', pulses: Number(complete[1]) };
  const measured = MEASURED.exec(line);
  if (measured !== null) {
    const [, stage, value0, unit0, value1, unit1] = measured;
    return {
      type: 'measured',
      stage: Number(stage),
      outputs: [
        { value: Number(value0), unit: unitOf(unit0) },
        { value: Number(value1), unit: unitOf(unit1) },
      ],
    };
  }
  const adc = /^Read value: (-?\d+)$/u.exec(line);
  if (adc !== null) return { type: 'adc', value: Number(adc[1]) };
  if (/^Invalid PulseTrain (?:array )?index\.$/u.test(line)) return { type: 'invalid-train' };
  if (line.startsWith('Booting StimJim')) return { type: 'booting' };
  if (line === 'Ready to go!') return { type: 'ready' };
  return { type: 'other', text: line };
}

function timerOf(text: string | undefined): StimJimTimer {
  return text === 'U' ? 'U' : 'T';
}

function unitOf(text: string | undefined): 'uA' | 'mV' {
  return text === 'uA' ? 'uA' : 'mV';
}
