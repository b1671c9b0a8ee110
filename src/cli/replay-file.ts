import { MeaError } from '../../protocols/errors.js';
import type { BlockReader, FrameBlock } from '../../protocols/recording/block-reader.js';
import { sampleIndex } from '../../protocols/units.js';
import { openSignalReplay } from '../closed-loop/signals/replay-signals.js';
import { toLoopSettings } from '../closed-loop/signals/signal-settings.js';
import type { Rig } from '../closed-loop/rig.js';
import { openRecordedFile } from '../recording/readers/open-recorded-file.js';
import { configPath } from './config-path.js';
import { EXIT, type CliIo, type ExitCode } from './io.js';
import { createPause } from './pause.js';
import { openShareProgress } from './progress.js';
import { changeRig } from './replay-change.js';
import { readRigFile } from './rig-file.js';

/** A file of another program, and how it is looked at. */
export interface ReplayFile {
  readonly path: string;
  /** Rig file with the detection; its defaults without one. */
  readonly rig: string | undefined;
  readonly changes: readonly string[];
  readonly json: boolean;
}

/** Frames that are read at once. */
const READ_FRAMES = 20_000;

/** Spikes of one signal. */
interface FoundSpikes {
  readonly signal: string;
  readonly seconds: number;
  readonly spikes: number;
  /** (channels) */
  readonly perChannel: readonly { readonly channel: string; readonly spikes: number }[];
}

/**
 * Looks for spikes in a recording of another program, with the detection of a rig file.
 *
 * @throws MeaError of the readers and the pipeline; `bad-input` for signals that the pipeline cannot take
 */
export async function replayFile({ path, rig: rigName, changes, json }: ReplayFile, io: CliIo): Promise<ExitCode> {
  const rig = changeRig(await readRigFile(configPath(rigName ?? 'emulated-voltages', 'rigs')), changes);
  const file = await openRecordedFile(path);
  try {
    if (file.signals.length === 0) {
      throw new MeaError('bad-input', {
        what: 'There are no samples in it that could be looked at',
        got: file.unread.length > 0 ? file.unread.join('; ') : `a file of format ${file.format} without signals`,
        where: path,
        remedy: 'meactl info tells what is in it',
      });
    }
    const progress = await openShareProgress('replayed', io);
    const total = file.signals.reduce((sum, { signal }) => sum + signal.frames, 0);
    const found: FoundSpikes[] = [];
    let before = 0;
    try {
      for (const reader of file.signals) {
        const base = before;
        found.push(
          await findSpikes(
            reader,
            {
              rig,
              onFrames: (n) => {
                progress.update((base + n) / total);
              },
            },
            io,
          ),
        );
        before += reader.signal.frames;
      }
    } finally {
      progress.stop();
    }
    for (const remark of file.unread) io.stderr(`meactl: not read: ${remark}\n`);
    if (json) io.stdout(`${JSON.stringify({ version: 1, path, format: file.format, signals: found })}\n`);
    else io.stdout(found.map(describeFound).join(''));
    const { settleS } = rig.detection;
    if (found.some(({ seconds }) => seconds <= settleS)) {
      io.stderr(
        `meactl: nothing is found before the noise is known, ${settleS} s; --set pipeline.settleS=0.5 is shorter\n`,
      );
    }
    return file.unread.length > 0 ? EXIT.dataLost : EXIT.done;
  } finally {
    await file.close();
  }
}

function describeFound({ signal, seconds, spikes, perChannel }: FoundSpikes): string {
  const busiest = perChannel.toSorted((a, b) => b.spikes - a.spikes)[0];
  const most = busiest === undefined || busiest.spikes === 0 ? '' : `, most on ${busiest.channel} (${busiest.spikes})`;
  return `${signal}: ${spikes} spikes in ${seconds.toFixed(1)} s of ${perChannel.length} channels${most}\n`;
}

interface Search {
  readonly rig: Rig;
  readonly onFrames: (frames: number) => void;
}

async function findSpikes(reader: BlockReader, { rig, onFrames }: Search, io: CliIo): Promise<FoundSpikes> {
  const { signal } = reader;
  const { name, channels, sampleRateHz, firstSample } = signal;
  const counts = new Uint32Array(channels.length);
  let spikes = 0;
  const replay = openSignalReplay(
    { detector: toLoopSettings(rig).detector },
    { channels: channels.length, sampleRateHz, gainUvPerBit: commonGain(reader) },
    {
      onSpikes: ({ electrodes }) => {
        spikes += electrodes.length;
        for (const electrode of electrodes) counts[electrode]! += 1;
      },
      onLevels: () => undefined,
      onResponse: () => undefined,
      onDoubt: () => undefined,
    },
  );
  const pause = createPause();
  for (let frame = 0; frame < signal.frames;) {
    io.signal.throwIfAborted();
    const block = await reader.readBlock(frame, READ_FRAMES);
    replay.block({
      firstSample: sampleIndex(firstSample + frame),
      frames: block.frames,
      channels: block.channels,
      samples: toInt16(block.samples, name),
    });
    frame += block.frames;
    onFrames(frame);
    await pause();
  }
  replay.end();
  return {
    signal: name,
    seconds: signal.frames / sampleRateHz,
    spikes,
    perChannel: channels.map((channel, i) => ({ channel: channel.name, spikes: counts[i]! })),
  };
}

/** Microvolts per bit; an offset is below the band. @throws MeaError `bad-input` where channels differ */
function commonGain({ signal }: BlockReader): number {
  const gain = signal.channels[0]?.gainUvPerBit;
  if (gain !== undefined && gain > 0 && signal.channels.every(({ gainUvPerBit }) => gainUvPerBit === gain)) return gain;
  throw new MeaError('bad-input', {
    what: 'The channels of a signal do not have one gain',
    got: [...new Set(signal.channels.map(({ gainUvPerBit }) => gainUvPerBit))].slice(0, 4).join(', '),
    wanted: 'one number of microvolts per bit, above 0',
    where: signal.name,
  });
}

/** @throws MeaError `bad-input` for samples that do not fit */
function toInt16(samples: FrameBlock['samples'], where: string): Int16Array {
  if (samples instanceof Int16Array) return samples;
  const narrow = Int16Array.from(samples);
  if (narrow.every((value, i) => value === samples[i])) return narrow;
  throw new MeaError('bad-input', {
    what: 'A signal has samples that are no integers of 16 bits',
    wanted: 'whole numbers from -32768 to 32767',
    where,
    remedy: 'export it with a larger step first',
  });
}
