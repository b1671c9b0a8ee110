import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { startController, type ControllerProcess } from './controller-process.js';
import { openOffLab, type OffDevice, type OffLab } from './off-lab.js';
import { waitUntil } from './wait-until.js';

/** What switching off came to, as seen at the electrodes of a facade. */
export interface OffOutcome {
  /** From the call to the end of the last pulse; 0 where all had ended before. */
  readonly lastMs: number;
  /** From the call to its being told that all is off, read back where the device lets itself be read. */
  readonly knownMs: number;
  /** Pulses that left when somebody else did all that could trigger what is left. */
  readonly pokedOut: number;
}

const FIRED = 4;
const CONNECT_MS = 60_000;
/** All that was on its way has left by then. */
const AFTERWARDS_MS = 500;
const POKED_MS = 150;
const offLine = z.object({ type: z.literal('off'), callNs: z.coerce.bigint(), doneNs: z.coerce.bigint() });

async function withFiring<T>(
  device: OffDevice,
  use: (lab: OffLab, controller: ControllerProcess) => Promise<T>,
): Promise<T> {
  const lab = await openOffLab(device);
  const controller = startController(JSON.stringify(lab.place), 'firing-stimulator');
  try {
    await waitUntil(
      () => lab.left.length >= FIRED,
      () => `${device}: ${lab.left.length} pulses left; told: ${controller.told.slice(-3).join(' ')}`,
      CONNECT_MS,
    );
    return await use(lab, controller);
  } finally {
    await controller.end();
    await lab.close();
  }
}

/** Has a program that fires a stimulator fire once more and switch it off. @param delayMs before that */
export function measureOff(device: OffDevice, delayMs: number): Promise<OffOutcome> {
  return withFiring(device, async ({ left, poke }, controller) => {
    await sleep(delayMs);
    controller.obey('off');
    await controller.untilTold(/"type":"off/u);
    const line = controller.told.find((told) => told.includes('"type":"off')) ?? '';
    const { callNs, doneNs } = offLine.parse(JSON.parse(line));
    await sleep(AFTERWARDS_MS);
    const lastNs = left.reduce((last, { endNs }) => (endNs > last ? endNs : last), callNs);
    const before = left.length;
    poke();
    await sleep(POKED_MS);
    return {
      lastMs: Number(lastNs - callNs) / 1e6,
      knownMs: Number(doneNs - callNs) / 1e6,
      pokedOut: left.length - before,
    };
  });
}

/** Kills such a program. @returns the pulses that began after that by themselves, and those that somebody else triggered then */
export function measureKill(
  device: OffDevice,
  delayMs: number,
): Promise<{ readonly after: number; readonly pokedOut: number }> {
  return withFiring(device, async ({ left, poke }, controller) => {
    await sleep(delayMs);
    const killNs = process.hrtime.bigint();
    controller.signal('SIGKILL');
    await sleep(AFTERWARDS_MS);
    const after = left.filter(({ beginNs }) => beginNs > killNs).length;
    const before = left.length;
    poke();
    await sleep(POKED_MS);
    return { after, pokedOut: left.length - before };
  });
}
