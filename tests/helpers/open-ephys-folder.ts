import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npyInt16, npyInt64, npyTexts } from './npy-bytes.js';

/** What a test's recording folder holds. */
export interface OpenEphysContent {
  readonly channels: number;
  readonly frames: number;
  /** Values of sample_numbers.npy; one for the first frame, 0, by default. */
  readonly sampleNumbers?: readonly number[];
  /** Length that the header of sample_numbers.npy claims. */
  readonly declared?: number;
  readonly streamFolder?: string;
}

export const OPEN_EPHYS_RATE_HZ = 20_000;
export const OPEN_EPHYS_GAIN = 0.195;

/** A sample that tells its channel and frame. */
export function openEphysSample(channel: number, frame: number): number {
  return channel * 1000 - (frame % 991);
}

/** Writes one recording folder as the vendor's program (0.6.7) does, with two TTL pulses and one text. */
export function writeOpenEphys(folder: string, content: OpenEphysContent): void {
  const { channels, frames, streamFolder = 'MEA-100.emulator/', sampleNumbers = [0], declared } = content;
  const stream = join(folder, 'continuous', 'MEA-100.emulator');
  const ttl = join(folder, 'events', 'MEA-100.emulator', 'TTL');
  const messages = join(folder, 'events', 'MessageCenter');
  for (const path of [stream, ttl, messages]) mkdirSync(path, { recursive: true });
  const structure = {
    'GUI version': '0.6.7',
    continuous: [
      {
        folder_name: streamFolder,
        sample_rate: OPEN_EPHYS_RATE_HZ,
        source_processor_name: 'MEA',
        num_channels: channels,
        channels: Array.from({ length: channels }, (_, k) => ({
          channel_name: `CH${k + 1}`,
          bit_volts: OPEN_EPHYS_GAIN,
          units: 'uV',
        })),
      },
    ],
    events: [
      { folder_name: 'MEA-100.emulator/TTL/', sample_rate: OPEN_EPHYS_RATE_HZ, type: 'int16' },
      { folder_name: 'MessageCenter/', sample_rate: OPEN_EPHYS_RATE_HZ, type: 'string' },
    ],
    spikes: [],
  };
  writeFileSync(join(folder, 'structure.oebin'), JSON.stringify(structure));
  const samples = Int16Array.from({ length: frames * channels }, (_, k) =>
    openEphysSample(k % channels, Math.floor(k / channels)),
  );
  writeFileSync(join(stream, 'continuous.dat'), new Uint8Array(samples.buffer));
  writeFileSync(join(stream, 'sample_numbers.npy'), npyInt64(sampleNumbers, declared));
  writeFileSync(join(ttl, 'sample_numbers.npy'), npyInt64([100, 104, 200, 300]));
  writeFileSync(join(ttl, 'states.npy'), npyInt16([1, -1, 2, -2]));
  writeFileSync(join(messages, 'sample_numbers.npy'), npyInt64([150]));
  writeFileSync(join(messages, 'text.npy'), npyTexts(['hello'], 64));
}
