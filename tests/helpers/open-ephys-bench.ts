import { connectOpenEphys } from '../../drivers/open-ephys/connect-open-ephys.js';
import type { OpenEphysOptions } from '../../drivers/open-ephys/open-ephys-options.js';
import type { OpenEphysRecorder } from '../../drivers/open-ephys/open-ephys-recorder.js';
import type { RecorderEvent } from '../../drivers/parts/recorder.js';
import { hertz } from '../../protocols/units.js';
import {
  openOpenEphysFacade,
  type OpenEphysFacade,
  type OpenEphysFacadeOptions,
} from '../../sim-device/facades/open-ephys/open-ephys-facade.js';
import type { EmulatedRig } from '../../sim-device/rig/emulated-rig.js';
import { systemTimers } from '../../src/timers.js';
import { waitUntil } from './wait-until.js';

/** Frames of a buffer of the facades of these tests. */
export const BUFFER_FRAMES = 100;

/** Between two buffers, so that a recorder that waits for its first is not flooded. */
const PASS_MS = 5;

/** What a test opened, closed after it in the reverse order. */
export class OpenEphysBench {
  readonly #opened: (() => Promise<unknown>)[] = [];

  async facade(rig: EmulatedRig, options: Partial<OpenEphysFacadeOptions> = {}): Promise<OpenEphysFacade> {
    const free = { dataPort: 0, httpPort: 0, bufferFrames: BUFFER_FRAMES };
    const facade = await openOpenEphysFacade({ rig, ...free, ...options });
    this.#opened.push(() => facade.close());
    return facade;
  }

  /** A recorder of all channels of a facade, and everything that it says. */
  async connect(
    facade: OpenEphysFacade,
    options: Partial<OpenEphysOptions> = {},
  ): Promise<{ readonly recorder: OpenEphysRecorder; readonly events: RecorderEvent[] }> {
    const others = facade.subscribers;
    const recorder = await connectOpenEphys({ ...optionsFor(facade), ...options }, AbortSignal.timeout(20_000));
    this.#opened.push(() => recorder.close());
    // what is published before is sent to nobody
    await waitUntil(
      () => facade.subscribers > others,
      () => 'no subscription',
    );
    const events: RecorderEvent[] = [];
    recorder.events$.subscribe((event) => events.push(event));
    return { recorder, events };
  }

  /** Closes everything. */
  async end(): Promise<void> {
    for (const close of this.#opened.splice(0).reverse()) await close();
  }

  /** For what a test opens by itself. */
  closeLater(close: () => Promise<unknown>): void {
    this.#opened.push(close);
  }
}

/** What it takes to connect to a facade. */
export function optionsFor({ dataPort, httpPort, program }: OpenEphysFacade): OpenEphysOptions {
  return {
    timers: systemTimers(),
    dataPort,
    httpPort,
    stream: program.stream,
    channels: program.channelNames,
    sampleRateHz: hertz(program.sampleRateHz),
  };
}

/** Starts a recorder whose facade passes time only when it is told to: it makes buffers until one has arrived. */
export async function startOn(recorder: OpenEphysRecorder, facade: OpenEphysFacade): Promise<void> {
  const started = recorder.start();
  const state = { isDone: false };
  let lastMs = -Infinity;
  const end = (): void => {
    state.isDone = true;
  };
  started.then(end, end);
  await waitUntil(
    () => {
      if (facade.program.mode !== 'IDLE' && performance.now() - lastMs > PASS_MS) {
        facade.advance(BUFFER_FRAMES);
        lastMs = performance.now();
      }
      return state.isDone;
    },
    () => 'the recorder did not start',
  );
  await started;
}

/** Waits until a recorder has handed out the samples before `sample`. */
export async function waitForSample(events: readonly RecorderEvent[], sample: number): Promise<void> {
  await waitUntil(
    () => events.some((event) => event.type === 'block' && event.firstSample + event.frames >= sample),
    () => `sample ${sample} has not come: ${JSON.stringify(outline(events).slice(-5))}`,
  );
}

/** Events without the samples of blocks; warnings as such. */
export function outline(events: readonly RecorderEvent[]): readonly (readonly [string, ...(number | boolean)[]])[] {
  return events.map((event) => {
    switch (event.type) {
      case 'block':
        return ['block', event.firstSample, event.frames];
      case 'samples-lost':
        return ['samples-lost', event.fromSample, event.toSample, event.messages ?? -1];
      case 'line-changed':
        return ['line-changed', event.sample, event.line, event.isHigh];
      case 'started':
        return ['started', event.firstSample];
      case 'ended':
        return ['ended', event.endSample];
      case 'pulses-seen':
      case 'warning':
      case 'link-lost':
      case 'link-restored':
      case 'failed':
        return [event.type];
    }
  });
}

/** Texts of the warnings. */
export function warningsOf(events: readonly RecorderEvent[]): readonly string[] {
  return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
}
