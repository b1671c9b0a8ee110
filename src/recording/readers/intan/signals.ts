import type { RecordedSignal } from '../../../../protocols/recording/block-reader.js';
import { hertz, sampleIndex } from '../../../../protocols/units.js';
import type { Stretch } from '../find-stretches.js';
import type { IntanHeader } from './header.js';

/** Microvolts of one step of the amplifier's converter. */
const GAIN_UV = 0.195;

/** The amplifier's signal, one for each stretch; none where no amplifier channel was enabled. */
export function toSignals(
  header: IntanHeader,
  stretches: readonly Stretch[],
  name: string,
): { signal: RecordedSignal; from: number }[] {
  const channels = header.channels
    .filter(({ type }) => type === 'amplifier')
    .map((channel) => ({ name: channel.name, gainUvPerBit: GAIN_UV, offsetUv: 0 }));
  if (channels.length === 0) return [];
  return stretches.map(({ from, to, first }, k) => ({
    from,
    signal: {
      name: stretches.length === 1 ? name : `${name} (${k + 1})`,
      channels,
      sampleRateHz: hertz(header.sampleRateHz),
      firstSample: sampleIndex(first),
      frames: to - from,
      blind: [],
    },
  }));
}

/** What the file has besides amplifier channels, stimuli and digital inputs. */
export function listUnread({ channels, isDcSaved }: IntanHeader, path: string): string[] {
  const count = (type: string): number => channels.filter((channel) => channel.type === type).length;
  const others: [string, number][] = [
    ['DC amplifier channels', isDcSaved ? count('amplifier') : 0],
    ['analog inputs', count('analog-in')],
    ['analog outputs', count('analog-out')],
    ['digital outputs', count('digital-out')],
  ];
  return others.filter(([, number]) => number > 0).map(([what, number]) => `${path}: ${number} ${what} are not read`);
}
