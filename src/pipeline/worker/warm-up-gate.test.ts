import { expect, it } from 'vitest';
import { systemTimers } from '../../timers.js';
import { warmUpCommands } from '../../../drivers/mea-link/warm-up.js';
import { warmUpGate } from './warm-up-gate.js';

it('what warms the gate up is work that the gate does for a stimulus that it accepts', async () => {
  expect(warmUpGate(50)).toBe(50);
  await warmUpCommands(systemTimers(), 50);
});
