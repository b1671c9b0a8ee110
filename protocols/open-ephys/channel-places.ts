import { MeaError } from '../errors.js';

/** A channel of the stream, by its name or by its number as the program sends it. */
export type NativeChannel = string | number;

/** Tells where a channel of the stream goes; undefined for one that nobody asked for. */
export type FindPlace = (channelNum: number, channelName: string) => number | undefined;

/**
 * The place of each native channel among the electrodes. A text is a name, a number is `channel_num`.
 *
 * @param channels (electrode) what each electrode is called in the program
 * @throws MeaError `bad-input` for none at all, one named twice, or a number that cannot be
 */
export function placeChannels(channels: readonly NativeChannel[]): FindPlace {
  if (channels.length === 0) throw badMap('none', 'at least one electrode');
  const places = new Map<NativeChannel, number>();
  for (const [electrode, channel] of channels.entries()) {
    if (channel === '' || (typeof channel === 'number' && !(Number.isSafeInteger(channel) && channel >= 0))) {
      throw badMap(JSON.stringify(channel), 'a name, or a number of at least 0');
    }
    if (places.has(channel)) throw badMap(`${JSON.stringify(channel)} twice`, 'each channel once');
    places.set(channel, electrode);
  }
  return (channelNum, channelName) => places.get(channelName) ?? places.get(channelNum);
}

function badMap(got: string, wanted: string): MeaError {
  return new MeaError('bad-input', {
    what: 'Bad channel map of an Open Ephys stream',
    got,
    wanted,
    remedy: 'list for each electrode the name of its channel, as the Channel Info of the stream shows it',
  });
}
