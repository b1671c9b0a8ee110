import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { readLedger } from '../src/recording/ledger-reader.js';
import { packageFolder } from '../src/cli/package-info.js';
import { describeWithDebianTool, pythonWith } from './helpers/debian-tool.js';
import { temporaryFolder } from './helpers/run-cli.js';
import { MEACTL, serveCulture, type ServedCulture } from './helpers/served-culture.js';
import { waitUntil } from './helpers/wait-until.js';

// The program on a pseudo-terminal, against a device over TCP in real time: a loaded machine may need another attempt.
const RETRY = 4;
/** A program starts, and a detector settles, within this time also on a loaded machine. */
const PATIENCE_MS = 60_000;
const root = temporaryFolder('terminal');
const TERMINAL = join(packageFolder(), 'tests/programs/run_on_terminal.py');
const python = pythonWith('pty');

const outcomeSchema = z.object({
  code: z.int(),
  output: z.string(),
  states: z.array(z.enum(['raw', 'cooked'])),
  restored: z.boolean(),
});

interface OnTerminal {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<z.infer<typeof outcomeSchema>>;
}

const running: ChildProcessWithoutNullStreams[] = [];

function runOnTerminal(...argv: readonly string[]): OnTerminal {
  const child = spawn(python.command, [TERMINAL, process.execPath, MEACTL, ...argv], { cwd: root });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  running.push(child);
  const ended = new Promise<z.infer<typeof outcomeSchema>>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      try {
        resolve(outcomeSchema.parse(JSON.parse(output.stdout)));
      } catch (cause) {
        reject(new Error(`the terminal failed: ${output.stderr}`, { cause }));
      }
    });
  });
  return { child, ended };
}

describeWithDebianTool('meactl run on a terminal', python, () => {
  let culture: ServedCulture;
  let attempts = 0;

  beforeAll(async () => {
    culture = await serveCulture(root);
  });
  // A test that failed may have left its program.
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => culture.served.close());

  /** Types keys while stimuli leave; resolves when the program has ended. */
  async function typeWhileStimulating(keys: string) {
    attempts += 1;
    const name = `run-${attempts}`;
    const { served } = culture;
    const from = served.acts.length;
    const before = culture.stimuli().length;
    const { child, ended } = runOnTerminal(...culture.runArguments(name, { trials: 60 }));
    const state = { isOver: false };
    void ended.then(
      () => (state.isOver = true),
      () => (state.isOver = true),
    );
    await waitUntil(
      () => state.isOver || culture.stimuli().length >= before + 3,
      () => 'no stimulus left',
      PATIENCE_MS,
    );
    expect(state.isOver).toBe(false);
    child.stdin.write(keys);
    await waitUntil(
      () => state.isOver || !served.device.firmware.armed,
      () => 'the device is armed still',
      PATIENCE_MS,
    );
    const stopped = culture.stimuli().length;
    const outcome = await ended;
    const disarmed = served.acts
      .slice(from)
      .flatMap(({ message }) => (message.type === 'armed-changed' ? [message] : []));
    return { name, outcome, disarmed, stopped };
  }

  it.each([
    ['x', 'x'],
    ['space', ' '],
    ['Ctrl-C', '\u0003'],
  ])('stops at %s, arms nothing again, and leaves the terminal as it was', { retry: RETRY }, async (_, key) => {
    const { name, outcome, disarmed, stopped } = await typeWhileStimulating(`q${key}`);
    expect(outcome.code, outcome.output).toBe(130);
    expect(outcome.output).toContain('press space or x to stop stimulation at once');
    expect(outcome.output).toContain('interrupted; go on with');
    expect(outcome.states).toEqual(['cooked', 'raw', 'cooked']);
    expect(outcome.restored).toBe(true);
    expect(disarmed.map(({ armed, cause }) => [armed, cause])).toEqual([
      [true, 'command'],
      [false, 'abort'],
    ]);
    expect(culture.stimuli()).toHaveLength(stopped);
    expect(readLedger(join(root, name)).records.at(-1)).toMatchObject({ type: 'interrupted' });
  });

  it(
    'leaves the terminal as it was when the device is gone, and when it ends by itself',
    { retry: RETRY },
    async () => {
      attempts += 1;
      const short = await runOnTerminal(...culture.runArguments(`whole-${attempts}`, { trials: 4 })).ended;
      expect(short.code, short.output).toBe(0);
      expect([short.states, short.restored]).toEqual([['cooked', 'raw', 'cooked'], true]);
      const before = culture.stimuli().length;
      const { ended } = runOnTerminal(...culture.runArguments(`gone-${attempts}`, { trials: 60 }));
      await waitUntil(
        () => culture.stimuli().length > before,
        () => 'no stimulus left',
      );
      culture.served.cut();
      // It comes back at once, and the driver with it, but nothing arms again.
      culture.served.mend();
      const gone = await ended;
      expect(gone.code, gone.output).toBe(1);
      expect([gone.states, gone.restored]).toEqual([['cooked', 'raw', 'cooked'], true]);
    },
  );

  it('leaves the terminal alone where nothing is armed', async () => {
    const argv = culture.runArguments('unarmed').filter((word, k, all) => word !== '--arm' && all[k - 1] !== '--arm');
    const { code, states, output } = await runOnTerminal(...argv).ended;
    expect(code).toBe(1);
    expect(output).toContain('Nothing is armed without the word of a person');
    expect(states).toEqual(['cooked']);
  });
});
