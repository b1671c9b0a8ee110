import { beforeAll, describe, expect, it } from 'vitest';
import { SAFETY_RULES } from '../protocols/stimulation/safety-rule.js';
import { GATE_COMMANDS_SEED as SEED, runGateCommands, type GateFindings } from './helpers/gate-commands.js';

const SEQUENCES = 2600;

describe('the gate of the controller and the check of the device', () => {
  let run: GateFindings;

  beforeAll(() => {
    run = runGateCommands(SEQUENCES);
  });

  it('agree on every command, and on the rule that it breaks first', () => {
    expect({ seed: SEED, disagreements: run.disagreements }).toEqual({ seed: SEED, disagreements: [] });
    expect(run.commands).toBeGreaterThanOrEqual(100_000);
  });

  it('let no pulse pass that plain arithmetic finds over a limit', () => {
    expect({ seed: SEED, overLimit: run.overLimit }).toEqual({ seed: SEED, overLimit: [] });
    expect(run.pulsesJudged).toBeGreaterThan(40_000);
  });

  it('are met on both sides of every limit: each rule refuses a thousand times, and a fifth to four fifths pass', () => {
    const rare = SAFETY_RULES.filter((rule) => (run.hits.get(rule) ?? 0) < 1000);
    expect({ rare, hits: Object.fromEntries(run.hits) }).toMatchObject({ rare: [] });
    const share = run.accepted / run.commands;
    expect(share).toBeGreaterThan(0.2);
    expect(share).toBeLessThan(0.8);
    expect(run.withdrawals).toBeGreaterThan(1000);
    expect(run.scheduledBetween).toBeGreaterThan(1000);
  });
});
