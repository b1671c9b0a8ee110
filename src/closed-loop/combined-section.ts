import { z } from 'zod';
import { boxLineOf } from '../../drivers/intan-rhx/box-lines.js';
import { PULSE_PAL_CAPABILITIES } from '../../drivers/pulse-pal/capabilities.js';

const PORT = z.int().min(1).max(65_535);
const HOST = z.string().min(1).max(253).default('127.0.0.1').describe('Computer that its program runs on.');
const SERIAL_PORT = z
  .string()
  .min(1)
  .max(300)
  .describe('Serial port, e.g. `/dev/ttyACM0`. Nothing is ever written to a port that no rig file names.');
const ELECTRODES = z.array(z.int().min(0).max(65_535)).min(1).describe('Electrodes that it fires, always all of them.');

const NO_CHANNELS = {
  error: ({ input }: { readonly input?: unknown }): string | undefined =>
    input === undefined ? 'a channel for each electrode, or a probe file in `array` that has them' : undefined,
};

const rhxRecorder = z.strictObject({
  type: z.literal('intan-rhx').describe('The Intan RHX program with a stimulation/recording controller (RHS).'),
  host: HOST,
  commandPort: PORT.default(5000).describe('Its TCP port for commands.'),
  waveformPort: PORT.default(5001).describe('Its TCP port for samples.'),
  channels: z
    .array(z.string().regex(/^[A-H]-\d{3}$/u, 'a channel like A-010'), NO_CHANNELS)
    .min(1)
    .describe(
      "Native channel of each electrode, in the order of electrodes, e.g. `A-010`. With `array.probe` it may be left out: the contacts' names are then native channels, or channel 32 p + c of the file is channel c of port p.",
    ),
});

const openEphysRecorder = z.strictObject({
  type: z.literal('open-ephys').describe('The Open Ephys GUI with the ZMQ Interface plugin.'),
  host: HOST,
  dataPort: PORT.default(5556).describe('Data port of the plugin.'),
  heartbeatPort: PORT.optional().describe('Its port for heartbeats; the one after the data port where absent.'),
  httpPort: PORT.default(37_497).describe("Port of the GUI's remote control."),
  stream: z.string().min(1).max(200).describe('Name of the data stream, as the program shows it.'),
  lineSource: z
    .int()
    .min(0)
    .optional()
    .describe('Number of the processor whose digital lines count; those of all where absent.'),
  channels: z
    .array(z.union([z.string().min(1).max(100), z.int().min(0).max(65_535)]), NO_CHANNELS)
    .min(1)
    .describe(
      'Channel of each electrode, in the order of electrodes: its name, or its number in the stream from 0. With `array.probe` it may be left out: the file has them.',
    ),
  gainUvPerBit: z.number().positive().default(0.195).describe('Microvolts per unit of a recorded sample.'),
});

const triggerBox = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('ttl-box').describe('A box of up to 32 lines (docs/devices/ttl-box.md).'),
    port: SERIAL_PORT,
  }),
  z.strictObject({
    type: z.literal('pulse-pal').describe('A Pulse Pal, its four outputs as lines.'),
    port: SERIAL_PORT,
  }),
]);

const ACCEPT_NO_WATCHDOG = z
  .string()
  .min(1)
  .optional()
  .describe(
    'Name of the stimulator, written down by somebody who accepts that it does not turn itself off when this program dies: it says which pulses are then still possible in docs/devices.',
  );

function groupsOf(
  trigger: z.ZodType<string>,
  most: number,
): z.ZodType<readonly { trigger: string; electrodes: number[] }[]> {
  return z
    .array(z.strictObject({ trigger: trigger.describe('What fires the group.'), electrodes: ELECTRODES }))
    .min(1)
    .max(most)
    .describe('Electrodes that are fired together.');
}

const rhxStimulator = z.strictObject({
  type: z.literal('intan-rhx').describe('The same controller as the recorder.'),
  groups: groupsOf(
    z
      .string()
      .regex(/^(F[1-8]|digital-in ([1-9]|1[0-6])|analog-in [1-8])$/u, 'F1..F8, digital-in 1..16, analog-in 1..8'),
    32,
  ),
  triggerBox: triggerBox
    .optional()
    .describe('Fires groups of digital and analog inputs: its line n is digital-in n, its line 16 + n is analog-in n.'),
  acceptNoWatchdog: ACCEPT_NO_WATCHDOG,
});

const OUTPUT = z.string().regex(/^output [1-4]$/u, 'output 1..4');

const pulsePalStimulator = z.strictObject({
  type: z.literal('pulse-pal').describe('A Pulse Pal with a stimulus isolator.'),
  port: SERIAL_PORT,
  groups: groupsOf(OUTPUT, 4),
  isolator: z
    .strictObject({
      name: z.string().min(1).max(200).describe('Maker and type of the isolator: a Pulse Pal gives +-10 V by itself.'),
      uaPerVolt: z.number().positive().describe('Microamperes that it gives for a volt.'),
    })
    .describe('The isolator between its outputs and the electrodes.'),
  recorderInput: z
    .strictObject({
      maxVolts: z.number().positive().describe("Largest voltage that the recorder's inputs survive."),
      protection: z.string().min(1).max(500).describe('What keeps larger ones from them.'),
    })
    .describe('What the recorder bears.'),
  acceptNoWatchdog: ACCEPT_NO_WATCHDOG,
});

const stimJimStimulator = z.strictObject({
  type: z.literal('stimjim').describe('A StimJim.'),
  port: SERIAL_PORT,
  groups: groupsOf(OUTPUT, 2),
  acceptNoWatchdog: ACCEPT_NO_WATCHDOG,
});

/** The part of a rig file about a rig that is combined of devices. */
export const combinedSectionSchema = z
  .strictObject({
    recorder: z.discriminatedUnion('type', [rhxRecorder, openEphysRecorder]).describe('What records.'),
    stimulator: z
      .discriminatedUnion('type', [rhxStimulator, pulsePalStimulator, stimJimStimulator])
      .optional()
      .describe('What stimulates; without one the rig records.'),
    sight: z
      .discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('pulses').describe("By the recorder's own record of its stimulator (Intan RHX)."),
        }),
        z.strictObject({
          type: z.literal('line').describe('By a digital input of the recorder that rises with every trigger.'),
          line: z.int().min(1).max(64).describe('That input, from 1.'),
        }),
        z.strictObject({
          type: z.literal('artefact').describe('By the artefact on a pulsed electrode.'),
          aboveUv: z.number().positive().describe('A step from one sample to the next of more than this is one.'),
        }),
      ])
      .default({ type: 'pulses' })
      .describe('How a delivery is seen: the device clocks have nothing else in common.'),
    toleranceMs: z
      .number()
      .positive()
      .max(500)
      .default(25)
      .describe(
        'A stimulus that was seen further than this from the sample it was due at is late: its trial does not count, and is repeated. The first one of a run usually is: by it the driver learns how late samples arrive.',
      ),
  })
  .superRefine(({ recorder, stimulator, sight }, context) => {
    const complain = (path: (string | number)[], message: string, input: unknown): void => {
      context.addIssue({ code: 'custom', path, message, input });
    };
    const names = recorder.channels.map(String);
    const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
    if (twice >= 0) complain(['recorder', 'channels', twice], 'each channel once', recorder.channels[twice]);
    if (stimulator === undefined) return;
    if (stimulator.type === 'intan-rhx' && recorder.type !== 'intan-rhx') {
      complain(['stimulator', 'type'], 'a stimulator of its own beside that recorder', stimulator.type);
    }
    if (sight.type === 'pulses' && stimulator.type !== 'intan-rhx') {
      complain(['sight'], 'line or artefact: only an Intan controller records its own pulses', sight.type);
    }
    const electrodes = stimulator.groups.flatMap((group) => group.electrodes);
    stimulator.groups.forEach(({ electrodes: own }, g) => {
      own.forEach((electrode, i) => {
        const isOnce = electrodes.filter((other) => other === electrode).length === 1;
        if (electrode >= recorder.channels.length) {
          complain(
            ['stimulator', 'groups', g, 'electrodes', i],
            `an electrode with a channel, 0 to ${recorder.channels.length - 1}`,
            electrode,
          );
        } else if (!isOnce)
          complain(['stimulator', 'groups', g, 'electrodes', i], 'each electrode in one group', electrode);
      });
    });
    const triggers = stimulator.groups.map(({ trigger }) => trigger);
    triggers.forEach((trigger, g) => {
      if (triggers.indexOf(trigger) !== g)
        complain(['stimulator', 'groups', g, 'trigger'], 'each trigger once', trigger);
      if (stimulator.type !== 'intan-rhx') return;
      const byLine = !trigger.startsWith('F');
      if (byLine && stimulator.triggerBox === undefined) {
        complain(['stimulator', 'groups', g, 'trigger'], 'F1..F8, or a triggerBox that fires inputs', trigger);
      } else if (!byLine && stimulator.triggerBox !== undefined) {
        complain(
          ['stimulator', 'groups', g, 'trigger'],
          'an input of the triggerBox: keys and lines are not simultaneous',
          trigger,
        );
      }
      const line = boxLineOf(trigger);
      if (stimulator.triggerBox?.type === 'pulse-pal' && line !== undefined && line > PULSE_PAL_CAPABILITIES.outputs) {
        const what = `one of digital-in 1 to ${PULSE_PAL_CAPABILITIES.outputs}: a Pulse Pal has no line ${line}`;
        complain(['stimulator', 'groups', g, 'trigger'], what, trigger);
      }
    });
  });

/** A checked section. */
export type CombinedSection = z.infer<typeof combinedSectionSchema>;
