import { join } from 'node:path';
import { updateCrc32c } from '../../../protocols/mea-link/crc32c.js';
import { storageError } from '../write-all.js';
import { Appender } from '../disk/appender.js';
import type { Disk, DiskFile } from '../disk/disk.js';
import { writeSmallFile } from '../disk/write-small-file.js';
import type { RawChunk } from '../journal/payloads.js';
import { NpyColumn } from './npy-column.js';
import {
  encodeTtl,
  startEdges,
  stimulusEdges,
  toTtlColumns,
  TTL_TYPES,
  type TtlEdge,
  type TtlFiles,
} from './ttl-files.js';
import { sampleIndex } from '../../../protocols/units.js';
import { CONTINUOUS_FOLDER, describeStructure, TTL_FOLDER, type RawStream } from './structure-oebin.js';

/** Bytes that wait before they are given to the system. */
const BUFFER_BYTES = 2 ** 18;

/** Folders of a stretch, each after the one that it lies in. */
const FOLDERS = ['continuous', CONTINUOUS_FOLDER, 'events', 'events/MEA-100.samples', TTL_FOLDER];

/** What a stretch is made of. */
export interface RawStretchOptions {
  readonly disk: Disk;
  /** `recordingN`, made already. */
  readonly folder: string;
  readonly recording: number;
  readonly stream: RawStream;
  readonly firstSample: number;
  /** Samples do not follow each other: the number of each is written beside it. */
  readonly isSparse: boolean;
}

/**
 * Samples that follow each other in an Open Ephys binary folder. Nothing in it ever promises more than is there. A class
 * because it holds open files.
 */
export class RawStretch {
  readonly recording: number;
  readonly stream: RawStream;
  readonly #options: RawStretchOptions;
  readonly #data: Appender;
  readonly #numbers: NpyColumn;
  readonly #ttl: ReadonlyMap<keyof TtlFiles, NpyColumn>;
  readonly #edges: TtlEdge[] = [];
  readonly #buffer: Buffer;
  #used = 0;
  /** Frames so far; those that the system took; those in a chunk that was told, and the CRC of those taken after. */
  #frames = 0;
  #given = 0;
  #told = 0;
  #crc = 0;
  #chunkSample: number;
  /** Samples that do not continue begin a chunk of their own; these wait to be told. */
  readonly #broken: RawChunk[] = [];
  /** First sample and frames of what waits, where each has its number written. */
  #untold: (readonly [first: number, frames: number])[] = [];
  #nextSample: number;

  /** @throws MeaError `storage` */
  constructor(options: RawStretchOptions) {
    const { disk, folder, recording, stream, firstSample, isSparse } = options;
    this.#options = options;
    this.recording = recording;
    this.stream = stream;
    this.#chunkSample = firstSample;
    this.#nextSample = firstSample;
    this.#buffer = Buffer.alloc(Math.max(BUFFER_BYTES, stream.channels * 2));
    const opened: { close(): void }[] = [];
    const create = (path: string): DiskFile => {
      const file = disk.create(join(folder, path));
      opened.push(file);
      return file;
    };
    try {
      for (const path of FOLDERS) disk.makeFolder(join(folder, path));
      this.#data = new Appender(create(join(CONTINUOUS_FOLDER, 'continuous.dat')));
      this.#numbers = new NpyColumn(create(join(CONTINUOUS_FOLDER, 'sample_numbers.npy')), '<i8');
      // Readers take the first number alone: one for each frame would be a tenth of the data.
      if (!isSparse) this.#numbers.append([firstSample]);
      this.#ttl = openTtl(create);
      this.#appendEdges(startEdges(firstSample));
      this.commit();
      disk.syncFolder(join(folder, CONTINUOUS_FOLDER));
      disk.syncFolder(join(folder, TTL_FOLDER));
      writeSmallFile(disk, join(folder, 'structure.oebin'), Buffer.from(this.structure));
    } catch (cause) {
      for (const file of opened) file.close();
      throw storageError('Cannot begin a stretch of samples', folder, cause);
    }
  }

  /** Text of its structure.oebin. */
  get structure(): string {
    return describeStructure(this.#options.stream);
  }

  /** Frames so far, those that wait included. */
  get frames(): number {
    return this.#frames;
  }

  /** The sample that would follow. */
  get nextSample(): number {
    return this.#nextSample;
  }

  /** Bytes of a frame. */
  get frameBytes(): number {
    return this.stream.channels * 2;
  }

  /**
   * Appends frames, the first of which is of a sample.
   *
   * @throws MeaError `storage`; whole frames that were given before are kept
   */
  append(samples: Uint8Array, firstSample: number): void {
    const frames = samples.length / this.frameBytes;
    const isFull = this.#frames - this.#told + frames > this.stream.sampleRateHz;
    if (firstSample !== this.#nextSample || isFull) this.#breakChunk(firstSample);
    if (this.#used + samples.length > this.#buffer.length) this.write();
    if (this.#options.isSparse) this.#untold.push([firstSample, frames]);
    if (samples.length > this.#buffer.length) this.#give(samples);
    else {
      this.#buffer.set(samples, this.#used);
      this.#used += samples.length;
    }
    this.#frames += frames;
    this.#nextSample = firstSample + frames;
  }

  /** Gives what waits to the system. @throws MeaError `storage`; it still waits */
  write(): void {
    if (this.#used === 0) return;
    this.#give(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Gives up what waits, because the disk refuses it. @returns frames that are lost */
  dropBuffered(): number {
    const lost = this.#used / this.frameBytes;
    this.#used = 0;
    this.#frames = this.#given;
    this.#untold = [];
    return lost;
  }

  /** Takes back what the disk would not keep. @returns frames that are lost. @throws MeaError `storage` */
  takeBack(): number {
    const kept = this.#broken[0]?.firstFrame ?? this.#told;
    const lost = this.#given - kept;
    this.#broken.length = 0;
    this.#frames = this.#given = this.#told = kept;
    this.#data.cut(kept * this.frameBytes);
    if (this.#options.isSparse) this.#numbers.cut(kept);
    return lost;
  }

  /** A pulse that began at a sample and lasted so many. */
  mark(sample: number, samples: number): void {
    this.#appendEdges(stimulusEdges(sample, samples));
  }

  /** Writes the columns of stimuli anew, after a call that the disk refused in the middle. */
  repair(): void {
    const { disk, folder } = this.#options;
    for (const [name, bytes] of Object.entries(encodeTtl(this.#edges, this.stream.sampleRateHz))) {
      writeSmallFile(disk, join(folder, TTL_FOLDER, name), bytes);
    }
  }

  /** Forces all samples to the disk. @returns the chunks that are safe now, to be told in the journal */
  sync(): readonly RawChunk[] {
    this.write();
    this.#data.sync();
    return this.#takeChunk();
  }

  /** After the journal has told of what is safe: the headers follow. */
  commit(): void {
    this.#numbers.commit();
    for (const column of this.#ttl.values()) column.commit();
  }

  close(): void {
    this.#data.close();
    this.#numbers.close();
    for (const column of this.#ttl.values()) column.close();
  }

  #breakChunk(firstSample: number): void {
    this.write();
    this.#broken.push(...this.#takeChunk());
    this.#chunkSample = firstSample;
  }

  #takeChunk(): readonly RawChunk[] {
    const chunks = this.#broken.splice(0);
    const frames = this.#given - this.#told;
    if (frames === 0) return chunks;
    chunks.push({
      recording: this.recording,
      firstFrame: this.#told,
      frames,
      firstSample: sampleIndex(this.#chunkSample),
      crc: this.#crc,
    });
    this.#told = this.#given;
    this.#chunkSample += frames;
    this.#crc = 0;
    return chunks;
  }

  #give(bytes: Uint8Array): void {
    this.#data.append(bytes);
    this.#crc = updateCrc32c(this.#crc, bytes);
    this.#given += bytes.length / this.frameBytes;
    const untold = this.#untold;
    this.#untold = [];
    for (const [first, frames] of untold) {
      this.#numbers.append(Float64Array.from({ length: frames }, (_, i) => first + i));
    }
  }

  #appendEdges(edges: readonly TtlEdge[]): void {
    const values = toTtlColumns(edges, this.stream.sampleRateHz);
    for (const [name, column] of this.#ttl) column.append(values[name]);
    // They count once all columns took them.
    this.#edges.push(...edges);
  }
}

function openTtl(create: (path: string) => DiskFile): ReadonlyMap<keyof TtlFiles, NpyColumn> {
  const open = (name: keyof TtlFiles): [keyof TtlFiles, NpyColumn] => [
    name,
    new NpyColumn(create(join(TTL_FOLDER, name)), TTL_TYPES[name]),
  ];
  return new Map([open('sample_numbers.npy'), open('timestamps.npy'), open('states.npy'), open('full_words.npy')]);
}
