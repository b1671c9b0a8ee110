import { readFileSync } from 'node:fs';
import { MeaError } from '../../protocols/errors.js';

/** Fields of a channel group's record, in bytes from its start: the same as in kernels/layout.ts. */
export const RECORD = {
  flicker: [0, 32, 64],
  gain: 96,
  nearShare: 128,
  farShare: 144,
  hum: 160,
  baseline: 192,
  slope: 224,
  fast: 256,
  slow: 288,
  field: 320,
  atRail: 352,
} as const;

/** Samples after which the baseline moves on, in steps. */
export const TILE_SAMPLES = 16;

const GROUP_BYTES = 384;
const LANES = 8;

/** A function of the kernels: 32-bit numbers in, a 32-bit number (or 0) out. */
type Kernel = (...args: readonly number[]) => number;

/** The kernels with a memory of their own, and views into it, which stay valid: it does not grow any more. */
export interface SynthesisKernels {
  readonly groups: number;
  /** (poles 3, weights 3, near, far): the flicker filter and how many channels back the correlated neighbours are. */
  readonly configureNoise: Kernel;
  /** (first frame, frames, samples since the baseline's last knot, sample in the mains' period). */
  readonly renderNoise: Kernel;
  /** (first frame, frames, fast decay, slow decay) to the number of groups in which an artefact is still alive. */
  readonly addArtefact: Kernel;
  /** Fields of float32, at `floatIndex`. */
  readonly floats: Float32Array;
  /** Fields of int16, at `halfIndex`. */
  readonly halves: Int16Array;
  /** One period of the mains. */
  readonly lineWave: Int16Array;
  /** State of the generator: four words of four lanes. */
  readonly generator: Uint32Array;
  /** (maxFrames, channels) frame-major. */
  readonly samples: Int16Array;
}

/** Place of a channel's float32 in `floats`. */
export function floatIndex(channel: number, field: number): number {
  return (channel >>> 3) * (GROUP_BYTES / 4) + field / 4 + (channel & 7);
}

/** Place of a channel's int16 in `halves`. */
export function halfIndex(channel: number, field: number): number {
  return (channel >>> 3) * (GROUP_BYTES / 2) + field / 2 + (channel & 7);
}

/** True when a group showed the rail in the last call of `addArtefact`. */
export function isGroupAtRail(kernels: SynthesisKernels, group: number): boolean {
  return kernels.halves[group * (GROUP_BYTES / 2) + RECORD.atRail / 2] !== 0;
}

/**
 * Instantiates the kernels for so many channels, samples in a period of the mains, and frames in a call.
 *
 * @throws MeaError `internal` when the compiled kernels do not export what is listed here
 */
export function openSynthesisKernels(layout: {
  readonly channels: number;
  readonly lineWaveLength: number;
  readonly maxFrames: number;
}): SynthesisKernels {
  const bytes = readFileSync(new URL('../kernels/build/synthesis.wasm', import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const kernel = (name: string): Kernel => kernelOf(exports[name], name);
  kernel('layOut')(layout.channels, layout.lineWaveLength, layout.maxFrames);
  const memory = exports.memory;
  if (!(memory instanceof WebAssembly.Memory)) throw missingExport('memory');
  const { buffer } = memory;
  const groups = Math.ceil(layout.channels / LANES);
  const records = kernel('groupsAddress')();
  const samples = kernel('samplesAddress')();
  return {
    groups,
    configureNoise: kernel('configureNoise'),
    renderNoise: kernel('renderNoise'),
    addArtefact: kernel('addArtefact'),
    floats: new Float32Array(buffer, records, groups * (GROUP_BYTES / 4)),
    halves: new Int16Array(buffer, records, groups * (GROUP_BYTES / 2)),
    lineWave: new Int16Array(buffer, kernel('lineWaveAddress')(), layout.lineWaveLength),
    generator: new Uint32Array(buffer, kernel('generatorAddress')(), 16),
    samples: new Int16Array(buffer, samples, layout.maxFrames * layout.channels),
  };
}

function kernelOf(value: unknown, name: string): Kernel {
  if (!isKernel(value)) throw missingExport(name);
  return value;
}

function isKernel(value: unknown): value is Kernel {
  return typeof value === 'function';
}

function missingExport(name: string): MeaError {
  return new MeaError('internal', {
    what: 'The compiled kernels of the emulated voltages lack an export',
    wanted: name,
    where: 'sim-device/kernels/build/synthesis.wasm',
    remedy: 'build again: npm run build',
  });
}
