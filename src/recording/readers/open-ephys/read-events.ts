import { join } from 'node:path';
import type { RecordedMark } from '../../../../protocols/recording/recorded-file.js';
import { insideFolder } from '../inside-folder.js';
import type { OpenedParts } from '../opened-parts.js';
import type { ReaderLimits } from '../reader-options.js';
import { openEventColumns, type EventColumns } from './event-columns.js';
import type { OpenEphysEvents } from './structure.js';

/** Where events and spikes of one recording folder are read from. */
export interface EventContext {
  readonly parts: OpenedParts;
  readonly limits: ReaderLimits;
  readonly folder: string;
  /** Path of `structure.oebin`, for messages. */
  readonly where: string;
  /** Of the first stream, where a folder of events says none of its own. */
  readonly rate: number | undefined;
  readonly name?: string;
}

/** Reads a folder of events: lines that rise and fall become marks with a duration, texts marks with their text. */
export async function readEvents(events: OpenEphysEvents, context: EventContext): Promise<void> {
  const { parts, limits, folder, where } = context;
  const below = insideFolder(join(folder, 'events'), events.folder_name, where);
  const rate = events.sample_rate ?? context.rate;
  if (rate === undefined) {
    parts.unread.push(`${below}: events without a sample rate`);
    return;
  }
  const opened = await openEventColumns(below, {
    numbers: ['sample_numbers', 'timestamps'],
    states: ['states', 'channel_states'],
    texts: ['text'],
  });
  try {
    const reason = whyUnread(opened, limits.marks - parts.marks.length);
    if (reason !== undefined) parts.unread.push(`${below}: ${reason}`);
    else parts.marks.push(...(await readMarks(opened, { rate, label: events.folder_name.replace(/[\\/]+$/, '') })));
  } finally {
    await opened.close();
  }
}

function whyUnread({ columns, count }: EventColumns, room: number): string | undefined {
  if (columns.size === 0) return 'no files of events';
  if (columns.get('numbers')?.type.kind !== 'i') return 'events without sample numbers';
  if (!columns.has('states') && !columns.has('texts')) return 'events of an unknown kind';
  return count > room ? `${count} events, more than can be kept` : undefined;
}

async function readMarks(
  { columns, count }: EventColumns,
  { rate, label }: { rate: number; label: string },
): Promise<RecordedMark[]> {
  const numbers = (await columns.get('numbers')?.numbers(0, count)) ?? new Float64Array(0);
  const texts = columns.get('texts');
  if (texts !== undefined) {
    const labels = await texts.texts(0, count);
    return labels.map((text, k) => ({ timeS: numbers[k]! / rate, label: text }));
  }
  const states = (await columns.get('states')?.numbers(0, count)) ?? new Float64Array(0);
  return pairStates(numbers, states).map(({ from, to, line }) => ({
    timeS: from / rate,
    ...(to !== undefined && { durationS: (to - from) / rate }),
    label: `${label} line ${line}`,
  }));
}

/** A line that rose (+line) and fell again (-line); one that never fell has no end, one that never rose is left out. */
function pairStates(
  numbers: Float64Array,
  states: Float64Array,
): { from: number; to: number | undefined; line: number }[] {
  const marks: { from: number; to: number | undefined; line: number }[] = [];
  const high = new Map<number, number>();
  states.forEach((state, k) => {
    const line = Math.abs(state);
    const risen = high.get(line);
    if (state > 0) high.set(line, marks.push({ from: numbers[k]!, to: undefined, line }) - 1);
    else if (risen !== undefined) {
      marks[risen]!.to = numbers[k]!;
      high.delete(line);
    }
  });
  return marks;
}
