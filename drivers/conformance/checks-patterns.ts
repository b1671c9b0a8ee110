import type { CheckContext } from './check-context.js';
import type { ConformanceCheck } from './conformance-check.js';
import { wantRefused, wantType } from './expectations.js';
import { uploadWithin } from './stimuli.js';
import { makePulse } from './test-pulse.js';

/** What `upload-pattern` takes and refuses, the safety rules aside. Nothing is armed: uploading moves nothing. */
export const PATTERN_CHECKS: readonly ConformanceCheck[] = [
  {
    id: 'pattern-empty',
    title: 'a pattern without a pulse can be uploaded',
    section: 'patterns',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { stimulation } = context;
      const session = await context.openConfigured();
      const slot = stimulation.slots - 1;
      wantType(await session.send({ type: 'upload-pattern', pattern: { slot, pulses: [] } }), 'done');
    },
  },
  {
    id: 'pattern-pulse',
    title: 'a pulse within every limit can be uploaded, while the device acquires too',
    section: 'patterns',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { pulse } = context;
      const pulses = [makePulse(pulse, pulse.electrodes[0].electrode)];
      const session = await context.openConfigured();
      wantType(await uploadWithin(context, session, { slot: 0, pulses }), 'done');
      wantType(await session.send({ type: 'start' }), 'done');
      wantType(await uploadWithin(context, session, { slot: 0, pulses }), 'done');
    },
  },
  {
    id: 'pattern-slot',
    title: 'a slot that the device does not have is refused as `bad-argument`',
    section: 'patterns',
    electrodes: 'untouched',
    async run(context: CheckContext): Promise<void> {
      const { slots } = context.stimulation;
      const session = await context.openConfigured();
      wantRefused(await session.send({ type: 'upload-pattern', pattern: { slot: slots, pulses: [] } }), 'bad-argument');
    },
  },
];
