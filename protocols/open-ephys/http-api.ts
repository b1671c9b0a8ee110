import { parseFields, toCount, toFields, toText, type JsonFields } from './json-fields.js';

/** Port of the program's remote control. */
export const DEFAULT_HTTP_PORT = 37_497;

/** What the program does. */
export type OpenEphysMode = 'IDLE' | 'ACQUIRE' | 'RECORD';

/** A request to the remote control. */
export interface HttpRequest {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  /** JSON; null for none. */
  readonly body: string | null;
}

/** Where and how the program records; what is not told stays as it is. */
export interface RecordingSettings {
  readonly parentDirectory?: string;
  readonly prependText?: string;
  readonly baseText?: string;
  readonly appendText?: string;
  readonly recordEngine?: string;
  /** The next recording gets a new folder. */
  readonly startNewDirectory?: boolean;
}

/** One place where the program records. */
export interface RecordNode {
  readonly nodeId: number;
  readonly parentDirectory: string;
  readonly recordEngine: string;
  readonly experimentNumber: number;
  readonly recordingNumber: number;
  readonly isSynchronized: boolean;
}

/** How the program records. */
export interface RecordingStatus {
  readonly parentDirectory: string;
  readonly baseText: string;
  readonly prependText: string;
  readonly appendText: string;
  readonly recordEngine: string;
  readonly recordNodes: readonly RecordNode[];
}

/** A stream at a processor. */
export interface ProcessorStream {
  readonly name: string;
  readonly sampleRateHz: number;
  readonly channelCount: number;
}

/** A box of the signal chain. */
export interface Processor {
  readonly id: number;
  readonly name: string;
  readonly streams: readonly ProcessorStream[];
}

/** The requests, by what they ask for. Those that change something answer with what then holds. */
export const HTTP_REQUESTS = {
  status: (): HttpRequest => get('/api/status'),
  setMode: (mode: OpenEphysMode): HttpRequest => put('/api/status', { mode }),
  message: (text: string): HttpRequest => put('/api/message', { text }),
  recording: (): HttpRequest => get('/api/recording'),
  setRecording: (settings: RecordingSettings): HttpRequest => put('/api/recording', toRecordingFields(settings)),
  processors: (): HttpRequest => get('/api/processors'),
} as const;

/** The mode of an answer; null where it has none. */
export function parseMode(body: string): OpenEphysMode | null {
  const mode = parseFields(body)?.mode;
  return mode === 'IDLE' || mode === 'ACQUIRE' || mode === 'RECORD' ? mode : null;
}

/** The state of recording of an answer; null where it is none. */
export function parseRecording(body: string): RecordingStatus | null {
  const fields = parseFields(body);
  const parentDirectory = toText(fields?.parent_directory);
  if (fields === null || parentDirectory === null || !Array.isArray(fields.record_nodes)) return null;
  const recordNodes = fields.record_nodes.map((node: unknown) => parseRecordNode(toFields(node)));
  if (!recordNodes.every((node) => node !== null)) return null;
  return {
    parentDirectory,
    baseText: toText(fields.base_text) ?? '',
    prependText: toText(fields.prepend_text) ?? '',
    appendText: toText(fields.append_text) ?? '',
    recordEngine: toText(fields.default_record_engine) ?? '',
    recordNodes,
  };
}

/** The signal chain of an answer, in its order; null where it is none. */
export function parseProcessors(body: string): readonly Processor[] | null {
  const list = parseFields(body)?.processors;
  if (!Array.isArray(list)) return null;
  const processors = list.map((processor: unknown) => parseProcessor(toFields(processor)));
  return processors.every((processor) => processor !== null) ? processors : null;
}

function parseProcessor(fields: JsonFields | null): Processor | null {
  const id = toCount(fields?.id);
  const name = toText(fields?.name);
  if (id === null || name === null || !Array.isArray(fields?.streams)) return null;
  const streams = fields.streams.map((stream: unknown) => parseStream(toFields(stream)));
  return streams.every((stream) => stream !== null) ? { id, name, streams } : null;
}

function parseStream(fields: JsonFields | null): ProcessorStream | null {
  const name = toText(fields?.name);
  const channelCount = toCount(fields?.channel_count);
  const sampleRateHz = fields?.sample_rate;
  if (name === null || channelCount === null || typeof sampleRateHz !== 'number') return null;
  return { name, sampleRateHz, channelCount };
}

function parseRecordNode(fields: JsonFields | null): RecordNode | null {
  const nodeId = toCount(fields?.node_id);
  const parentDirectory = toText(fields?.parent_directory);
  if (fields === null || nodeId === null || parentDirectory === null) return null;
  return {
    nodeId,
    parentDirectory,
    recordEngine: toText(fields.record_engine) ?? '',
    experimentNumber: toCount(fields.experiment_number) ?? 0,
    recordingNumber: toCount(fields.recording_number) ?? 0,
    isSynchronized: fields.is_synchronized === true,
  };
}

/** The program wants a text where a truth value would do. */
function toRecordingFields(settings: RecordingSettings): object {
  const { parentDirectory, prependText, baseText, appendText, recordEngine, startNewDirectory } = settings;
  return {
    ...(parentDirectory !== undefined && { parent_directory: parentDirectory }),
    ...(prependText !== undefined && { prepend_text: prependText }),
    ...(baseText !== undefined && { base_text: baseText }),
    ...(appendText !== undefined && { append_text: appendText }),
    ...(recordEngine !== undefined && { default_record_engine: recordEngine }),
    ...(startNewDirectory === true && { start_new_directory: 'true' }),
  };
}

function get(path: string): HttpRequest {
  return { method: 'GET', path, body: null };
}

function put(path: string, fields: object): HttpRequest {
  return { method: 'PUT', path, body: JSON.stringify(fields) };
}
