/** What the samples of a stretch are. */
export interface RawStream {
  /** Name of the device, in the stream's folder. */
  readonly device: string;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly gainUvPerBit: number;
}

/** Folder of the samples below `recordingN`, and of the stimuli. */
export const CONTINUOUS_FOLDER = 'continuous/MEA-100.samples';
export const TTL_FOLDER = 'events/MEA-100.samples/TTL';
/** Folder of all stretches below a recording. */
export const NODE_FOLDER = 'Record Node 101/experiment1';

/**
 * Text of structure.oebin, which tells readers of the Open Ephys binary format what lies in the folder. The event
 * stream holds an event from the beginning on: readers stumble over an empty one, and over one that only some stretches have.
 */
export function describeStructure(stream: RawStream): string {
  const { device, sampleRateHz, channels, gainUvPerBit } = stream;
  const source = {
    source_processor_name: 'MEA',
    source_processor_id: 100,
    stream_name: 'samples',
    recorded_processor: 'Record Node',
    recorded_processor_id: 101,
  };
  return `${JSON.stringify(
    {
      'GUI version': '0.6.7',
      continuous: [
        {
          folder_name: `${CONTINUOUS_FOLDER.replace('continuous/', '')}/`,
          sample_rate: sampleRateHz,
          ...source,
          num_channels: channels,
          channels: Array.from({ length: channels }, (_, i) => ({
            channel_name: `E${i}`,
            description: `electrode ${i} of ${device}`,
            identifier: 'mea.electrode',
            history: 'MEA',
            bit_volts: gainUvPerBit,
            units: 'uV',
          })),
        },
      ],
      events: [
        {
          folder_name: `${TTL_FOLDER.replace('events/', '')}/`,
          channel_name: 'stimuli',
          description: 'line 1 is high while pulses are delivered, line 2 at the first sample',
          identifier: 'mea.stimuli',
          sample_rate: sampleRateHz,
          type: 'int16',
          num_channels: 2,
          source_processor: 'MEA',
          stream_name: 'samples',
          initial_state: 0,
        },
      ],
      spikes: [],
    },
    null,
    1,
  )}\n`;
}

/** What structure.oebin of a whole stretch says. */
export function structureOf(
  { device, gainUvPerBit }: { readonly device: { readonly name: string }; readonly gainUvPerBit?: number | undefined },
  { sampleRateHz, channels }: { readonly sampleRateHz: number; readonly channels: number },
): string {
  return describeStructure({ device: device.name, sampleRateHz, channels, gainUvPerBit: gainUvPerBit ?? 1 });
}
