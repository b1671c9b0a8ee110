import type { RecordedTrials } from '../../drivers/replay-source.js';
import type { LedgerRecord } from '../../protocols/ledger.js';
import type { DetectorLevels, TrialResponse } from '../../protocols/trial.js';
import { systemClock } from '../clock.js';
import type { Rig } from '../closed-loop/rig.js';
import { openSignalReplay } from '../closed-loop/signals/replay-signals.js';
import { toLoopSettings } from '../closed-loop/signals/signal-settings.js';
import { isPlainEvent } from '../pipeline/events/rig-event.js';
import { DoubtBook } from '../pipeline/trials/doubt-book.js';
import { toTrialResponse, type WindowedResponse } from '../pipeline/trials/windowed-response.js';
import type { OpenedRecording } from '../recording/open-recording.js';
import { findLostSamples, type LostSamples } from '../recording/lost-samples.js';
import { playRecording } from '../recording/replay-stream.js';
import type { CliIo } from './io.js';
import { createPause } from './pause.js';
import { openShareProgress } from './progress.js';
import { createPace, type ReplaySpeed } from './replay-pace.js';
import { createSpikeComparison, type SpikeComparison } from './spike-comparison.js';

/** What came of recorded samples when they were looked at again. */
export interface SampleReplay {
  /** The recorded trials with the responses that were found anew. */
  readonly trials: RecordedTrials;
  readonly spikes: SpikeComparison;
  readonly seconds: number;
  /** Trials whose response could not be found anew, because the samples do not reach so far. */
  readonly unseen: number;
}

/**
 * Looks at the raw samples of a recording again, and takes the responses of its trials from them.
 *
 * @throws MeaError `bad-format` for samples that are not what was recorded; what the pipeline throws
 */
export async function replaySamples(
  recording: OpenedRecording,
  { rig, recorded, speed }: { readonly rig: Rig; readonly recorded: RecordedTrials; readonly speed: ReplaySpeed },
  io: CliIo,
): Promise<SampleReplay> {
  const { session } = recording;
  const boots = new BootTrack();
  const levels = new LevelTrack();
  const lost = findLostSamples(recording);
  const spikes = createSpikeComparison(recording.spikes(), (sample) => lost.touches(sample, sample + 1));
  const replay = openSignalReplay(
    toLoopSettings(rig),
    { channels: session.channels, sampleRateHz: session.sampleRateHz, gainUvPerBit: session.gainUvPerBit! },
    {
      onSpikes: (batch) => {
        spikes.found(batch);
      },
      onLevels: (next) => {
        levels.add(next);
      },
      onDoubt: (doubt) => {
        boots.current.doubts.note(doubt);
      },
      onResponse: (response) => {
        boots.current.found.set(response.stimulusId, { response, levels: levels.at(response.usedSamples[0]) });
      },
    },
  );
  const total = recording.signals.reduce((sum, { signal }) => sum + signal.frames, 0);
  let frames = 0;
  const progress = await openShareProgress('replayed', io);
  const pause = createPause();
  const pace = createPace(speed, session.sampleRateHz, systemClock());
  try {
    for await (const item of playRecording(recording)) {
      io.signal.throwIfAborted();
      if (item.type === 'event') {
        if (isScheduled(item.event)) boots.schedule(item.event);
        if (isPlainEvent(item.event) && item.event.type === 'stimulus-delivered') boots.current.doubts.note(item.event);
        replay.event(item.event);
        continue;
      }
      replay.block(item);
      frames += item.frames;
      await spikes.compare();
      await pace(frames, io.signal);
      await pause();
      progress.update(frames / total);
    }
    replay.end();
    await spikes.finish();
  } finally {
    progress.stop();
  }
  return {
    ...putTogether(recorded, { scheduled: boots.scheduled, lost }),
    spikes: spikes.outcome(),
    seconds: frames / session.sampleRateHz,
  };
}

interface Answer {
  readonly response: WindowedResponse;
  readonly levels: DetectorLevels | undefined;
}

interface Scheduled {
  readonly stimulusId: number;
  readonly sample: number;
  readonly origin: { readonly label?: string };
}

function isScheduled(event: object): event is Scheduled {
  return 'type' in event && event.type === 'stimulus-scheduled' && 'stimulusId' in event;
}

/** What was found of the stimuli of one boot of the device, by their ids. */
interface FoundInBoot {
  readonly found: Map<number, Answer>;
  readonly doubts: DoubtBook;
}

/** A stimulus that was asked for, and where to look for what came of it. */
interface AskedFor extends Scheduled {
  readonly boot: FoundInBoot;
}

/** Keeps boots of the device apart: their stimuli are counted anew, and their samples as well. */
class BootTrack {
  current: FoundInBoot = { found: new Map(), doubts: new DoubtBook() };
  /** In the order in which they were asked for. */
  readonly scheduled: AskedFor[] = [];

  schedule(stimulus: Scheduled): void {
    const newest = this.scheduled.at(-1);
    if (newest !== undefined && stimulus.stimulusId <= newest.stimulusId) {
      this.current = { found: new Map(), doubts: new DoubtBook() };
    }
    this.scheduled.push({ ...stimulus, boot: this.current });
  }
}

interface Findings {
  readonly scheduled: readonly AskedFor[];
  readonly lost: LostSamples;
}

/** Puts what was found in the place of what was recorded, trial by trial. */
function putTogether(recorded: RecordedTrials, { scheduled, lost }: Findings): Pick<SampleReplay, 'trials' | 'unseen'> {
  const stimulusOf = createLookup(scheduled);
  const detectorLevels = new Map(recorded.detectorLevels);
  let unseen = 0;
  const responses = recorded.responses.map((response, i): TrialResponse => {
    const { session, trial } = response;
    const due = recorded.due?.[i] ?? response.deliveredSample;
    const stimulus = stimulusOf(`session ${session}, trial ${trial}`, due);
    // The device did not take it: there is nothing to see.
    if (stimulus === undefined) return response;
    const { boot, stimulusId } = stimulus;
    const answer = boot.found.get(stimulusId);
    const used = response.usedSamples;
    if (answer === undefined || (used !== undefined && lost.touches(...used))) {
      unseen += 1;
      // What the detector went by after it cannot be told anew either.
      const told = recorded.detectorLevels?.get(session);
      if (told !== undefined) detectorLevels.set(session, told);
      return response;
    }
    if (answer.levels !== undefined && detectorLevels.has(session)) detectorLevels.set(session, answer.levels);
    const doubt = boot.doubts.of(stimulusId);
    return { ...toTrialResponse(answer.response, { session, trial }), ...(doubt !== undefined && { doubt }) };
  });
  return { trials: { ...recorded, responses, detectorLevels }, unseen };
}

/** Finds stimuli one after the other: another boot may have one of the same trial at a sample of the same number. */
function createLookup(scheduled: readonly AskedFor[]): (label: string, sample: number) => AskedFor | undefined {
  const places = new Map<string, number[]>();
  for (const [place, { origin, sample }] of scheduled.entries()) {
    const key = `${origin.label ?? ''}@${sample}`;
    places.set(key, [...(places.get(key) ?? []), place]);
  }
  let next = 0;
  return (label, sample) => {
    const place = places.get(`${label}@${sample}`)?.find((at) => at >= next);
    if (place === undefined) return undefined;
    next = place + 1;
    return scheduled[place];
  };
}

/** The newest two levels: of these, the newer may be of samples after a response. */
class LevelTrack {
  #newest: DetectorLevels | undefined;
  #older: DetectorLevels | undefined;

  add(levels: DetectorLevels): void {
    this.#older = this.#newest;
    this.#newest = levels;
  }

  /** What the detector went by at a sample. */
  at(sample: number): DetectorLevels | undefined {
    return [this.#newest, this.#older].find((levels) => levels !== undefined && levels.atSample <= sample);
  }
}

/** Why the samples of a recording cannot be looked at again; undefined where they can. */
export function whyNotSamples(
  recording: OpenedRecording,
  { records, rig }: { readonly records: readonly LedgerRecord[]; readonly rig: Rig },
): string | undefined {
  const { session, signals } = recording;
  if (session.gainUvPerBit === undefined) return 'it was made of counts, without voltages';
  if (session.raw !== 'all') return `of its raw samples '${session.raw}' were kept, not all`;
  if (signals.length === 0) return 'it has no raw samples';
  if (records.length === 0) return 'it has no trials';
  // The emulator was shown the trials before again, and its detector with it; those samples are not recorded twice.
  if (rig.device === 'emulator' && isResumed(recording)) {
    return 'it was resumed on the emulator, and what was shown again in between is not in it';
  }
  return undefined;
}

function isResumed({ index }: OpenedRecording): boolean {
  return [...index.stretches.values()].some(({ started }) => started.because === 'resumed');
}
