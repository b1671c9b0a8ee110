import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { MeaError } from '../../protocols/errors.js';
import { sampleIndex } from '../../protocols/units.js';
import { toWireError } from '../../protocols/wire-error.js';
import { systemDisk, type Disk } from './disk/disk.js';
import { decodeJson, decodeSpikes } from './journal/payloads.js';
import { hostMs } from './host-time.js';
import { Recorder } from './recorder.js';
import { unlessRefused } from './recorder-port.js';
import {
  isRecorderThreadData,
  ITEM,
  ITEM_HEAD_BYTES,
  paddedLength,
  type FromRecorder,
  type ToRecorder,
} from './recorder-messages.js';

const port = parentPort;
const data: unknown = workerData;
if (port === null || !isRecorderThreadData(data)) {
  throw new MeaError('internal', { what: 'recorder-thread is no program of its own', remedy: 'use startRecorder' });
}
const post = (message: FromRecorder, transfer: readonly ArrayBuffer[] = []): void => {
  port.postMessage(message, [...transfer]);
};
const typedSchema = z.looseObject({ type: z.string() });
/** What is due is done at least so often, also when nothing comes. */
const TICK_MS = 50;
let recorder: Recorder | undefined;
try {
  recorder = new Recorder({
    ...data,
    disk: data.diskProgram === undefined ? systemDisk() : await loadDisk(data.diskProgram),
    clock: { wallMs: () => data.wallOffsetMs + hostMs(), monotonicMs: hostMs },
    onNotice: (notice) => {
      post({
        type: 'notice',
        notice: 'error' in notice ? { ...notice, error: toWireError(notice.error) } : notice,
      });
    },
  });
  post({ type: 'ready' });
} catch (error) {
  post({ type: 'refused', error: toWireError(error) });
}
const open = recorder;
if (open !== undefined) {
  const timer = setInterval(() => {
    unlessRefused(() => {
      open.tick();
    });
  }, TICK_MS);
  port.on('message', (message: ToRecorder) => {
    if (message.type === 'batch') {
      take(open, message.bytes, message.used);
      post({ type: 'done', bytes: message.used, buffer: message.bytes }, [message.bytes]);
      return;
    }
    clearInterval(timer);
    let refusal: ReturnType<typeof toWireError> | undefined;
    try {
      open.close();
    } catch (error) {
      refusal = toWireError(error);
    }
    post({ type: 'closed', error: refusal });
    port.close();
  });
}

/** A disk that a test puts in the place of the system's. */
async function loadDisk(program: string): Promise<Disk> {
  const module: unknown = await import(program);
  if (isDiskProgram(module)) return module.createDisk();
  throw new MeaError('internal', { what: 'No disk for the recorder', wanted: 'createDisk', where: program });
}

function isDiskProgram(module: unknown): module is { createDisk(): Disk } {
  return typeof module === 'object' && module !== null && 'createDisk' in module;
}

/** Carries out what a batch holds. */
function take(into: Recorder, bytes: ArrayBuffer, used: number): void {
  const view = new DataView(bytes);
  for (let at = 0; at < used;) {
    const kind = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const a = view.getFloat64(at + 8, true);
    const b = view.getFloat64(at + 16, true);
    const c = view.getFloat64(at + 24, true);
    const payload = new Uint8Array(bytes, at + ITEM_HEAD_BYTES, length);
    unlessRefused(() => {
      carryOut(into, { kind, numbers: [a, b, c], payload });
    });
    at += ITEM_HEAD_BYTES + paddedLength(length);
  }
}

interface Item {
  readonly kind: number;
  readonly numbers: readonly [number, number, number];
  readonly payload: Uint8Array;
}

function carryOut(into: Recorder, { kind, numbers, payload }: Item): void {
  switch (kind) {
    case ITEM.block: {
      const [firstSample, frames, channels] = numbers;
      const samples = new Int16Array(payload.buffer, payload.byteOffset, payload.length / 2);
      into.block({ firstSample: sampleIndex(firstSample), frames, channels, samples });
      break;
    }
    case ITEM.spikes:
      into.spikes(decodeSpikes(payload, 'the way to the recorder'));
      break;
    case ITEM.event:
      into.event(decodeJson(payload, typedSchema, 'the way to the recorder'));
      break;
    case ITEM.ledger:
      into.ledger(payload);
      break;
    case ITEM.latency:
      into.put('latency', payload);
      break;
    case ITEM.model:
      into.put('model', payload);
      break;
    case ITEM.snippets:
      into.put('snippets', payload);
      break;
  }
}
