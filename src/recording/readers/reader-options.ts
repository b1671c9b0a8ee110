/** How much a recorded file may ask for when it is opened; what is read afterwards is as large as the caller asks. */
export interface ReaderLimits {
  /** Spikes of the whole file that are loaded, 8 bytes each. */
  readonly spikes: number;
  /** Marks of the whole file. */
  readonly marks: number;
  /** Bytes that are read to look for marks among the samples, or for gaps among time stamps. */
  readonly scanBytes: number;
  /** Bytes of one chunk of an HDF5 file, as it declares them. */
  readonly chunkBytes: number;
  /** Bytes that the HDF5 library may take for itself, inflated chunks among them. */
  readonly memoryBytes: number;
  /** One request to the HDF5 library must be answered in so long. */
  readonly deadlineMs: number;
}

/** How to open a recorded file. */
export interface OpenRecordedFileOptions {
  readonly limits?: Partial<ReaderLimits>;
  /** The compiled program of the thread that reads HDF5; beside its module by default. */
  readonly hdf5Program?: URL;
}

const DEFAULT_READER_LIMITS: ReaderLimits = {
  spikes: 2 ** 25,
  marks: 1_000_000,
  scanBytes: 2 ** 28,
  chunkBytes: 2 ** 27,
  memoryBytes: 2 ** 29,
  deadlineMs: 60_000,
};

/** The limits with the given ones in their place. */
export function toReaderLimits({ limits = {} }: OpenRecordedFileOptions = {}): ReaderLimits {
  return { ...DEFAULT_READER_LIMITS, ...limits };
}
