import { RECORD_NODE, SOURCE_NODE, ZMQ_NODE, type EmulatedProgram } from './emulated-program.js';

/** What goes back to whoever asked. */
export interface HttpAnswer {
  readonly status: number;
  readonly type: 'application/json' | 'text/plain';
  readonly body: string;
}

/** Where the program records; it writes nothing. */
interface RecordingFields {
  parent_directory: string;
  base_text: string;
  prepend_text: string;
  append_text: string;
  default_record_engine: string;
}

/** The remote control of an emulated program. */
export class EmulatedRemote {
  readonly #program: EmulatedProgram;
  readonly #canRecord: boolean;
  readonly #recording: RecordingFields = {
    parent_directory: '/emulated',
    base_text: 'emulated',
    prepend_text: '',
    append_text: '',
    default_record_engine: 'BINARY',
  };
  #experiment = 1;

  constructor(program: EmulatedProgram, canRecord: boolean) {
    this.#program = program;
    this.#canRecord = canRecord;
  }

  /** Answers as the program does: 404 without a body for a path it does not have, 400 with a text for a bad body. */
  answer(method: string, path: string, body: string): HttpAnswer {
    const route = `${method} ${path}`;
    if (route === 'GET /api/status') return this.#status();
    if (route === 'GET /api/recording') return this.#recordingStatus();
    if (route === 'GET /api/processors') return json({ processors: this.#processors() });
    const processor = /^GET \/api\/processors\/(\d+)$/u.exec(route)?.[1];
    if (processor !== undefined) {
      const found = this.#processors().find(({ id }) => id === Number(processor));
      return found === undefined ? NOT_FOUND : json(found);
    }
    if (method !== 'PUT') return NOT_FOUND;
    const fields = parseObject(body);
    if (fields === null) return badRequest('[json.exception.parse_error.101] parse error');
    if (path === '/api/status') return this.#setMode(fields.mode);
    if (path === '/api/message') return this.#broadcast(fields.text);
    if (path === '/api/recording') return this.#setRecording(fields);
    return NOT_FOUND;
  }

  #status(): HttpAnswer {
    return json({ mode: this.#program.mode });
  }

  #setMode(mode: unknown): HttpAnswer {
    if (typeof mode !== 'string') return badRequest('[json.exception.type_error.302] type must be string');
    // a mode that is none is ignored
    if (mode === 'IDLE' || mode === 'ACQUIRE' || mode === 'RECORD') this.#program.setMode(mode);
    return this.#status();
  }

  #broadcast(text: unknown): HttpAnswer {
    if (typeof text !== 'string') return badRequest('[json.exception.type_error.302] type must be string');
    this.#program.broadcast(text);
    return this.#status();
  }

  #setRecording(fields: Readonly<Record<string, unknown>>): HttpAnswer {
    for (const name of Object.keys(this.#recording)) {
      const value = fields[name];
      if (typeof value === 'string') Reflect.set(this.#recording, name, value);
    }
    if (fields.start_new_directory === 'true') this.#experiment += 1;
    return this.#recordingStatus();
  }

  #recordingStatus(): HttpAnswer {
    const node = {
      node_id: RECORD_NODE,
      parent_directory: this.#recording.parent_directory,
      record_engine: this.#recording.default_record_engine,
      experiment_number: this.#experiment,
      recording_number: this.#program.recordings,
      is_synchronized: true,
    };
    return json({ ...this.#recording, record_nodes: this.#canRecord ? [node] : [] });
  }

  #processors() {
    const { stream, sampleRateHz, channelNames } = this.#program;
    const streams = [
      {
        name: stream,
        source_id: SOURCE_NODE,
        sample_rate: sampleRateHz,
        channel_count: channelNames.length,
        parameters: [],
      },
    ];
    const chain = [
      { id: SOURCE_NODE, name: 'Emulated Source' },
      ...(this.#canRecord ? [{ id: RECORD_NODE, name: 'Record Node' }] : []),
      { id: ZMQ_NODE, name: 'ZMQ Interface' },
    ];
    return chain.map(({ id, name }, k) => ({
      id,
      name,
      parameters: [],
      predecessor: chain[k - 1]?.id ?? null,
      streams,
    }));
  }
}

const NOT_FOUND: HttpAnswer = { status: 404, type: 'text/plain', body: '' };

function json(fields: object): HttpAnswer {
  return { status: 200, type: 'application/json', body: JSON.stringify(fields) };
}

function badRequest(body: string): HttpAnswer {
  return { status: 400, type: 'text/plain', body };
}

function parseObject(body: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
