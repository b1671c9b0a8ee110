import type { RecordedElectrode } from '../../../../protocols/recording/recorded-file.js';
import type { Hdf5File } from '../hdf5/hdf5-file.js';
import { readRecords } from '../hdf5/dataset-reading.js';

/** Which electrode a channel of the amplifier is connected to. */
export interface MaxwellElectrode {
  readonly channel: number;
  /** Row by row from 0. */
  readonly electrode: number;
  readonly xUm: number;
  readonly yUm: number;
}

/** The connected electrodes; channels below 0 are connected to none. */
export async function readMapping(file: Hdf5File, path: string): Promise<MaxwellElectrode[]> {
  const records = await readRecords(file, path);
  return records
    .map((record) => ({
      channel: Number(record.get('channel')),
      electrode: Number(record.get('electrode')),
      xUm: Number(record.get('x')),
      yUm: Number(record.get('y')),
    }))
    .filter(({ channel, electrode }) => Number.isSafeInteger(channel) && channel >= 0 && electrode >= 0);
}

/** As electrodes of the recorded file; `channelOf` gives the channel of the signal. */
export function toElectrodes(
  mapping: readonly MaxwellElectrode[],
  recording: string,
  channelOf: (channel: number) => number | undefined,
): RecordedElectrode[] {
  return mapping.map(({ channel, electrode, xUm, yUm }) => {
    const inSignal = channelOf(channel);
    return {
      name: `${recording === '' ? '' : `${recording} `}electrode ${electrode}`,
      ...(inSignal !== undefined && { channel: inSignal }),
      xUm,
      yUm,
    };
  });
}
