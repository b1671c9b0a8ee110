import { formatFields, parseFields, toFields, toText } from './json-fields.js';

/** What the ZMQ Interface answers, word by word. */
export const HEARTBEAT_REPLY = 'heartbeat received';
const EVENT_REPLY = 'message correctly parsed';
const UNREADABLE_REPLY = 'JSON message could not be read';

/** Who asks: the program lists its clients by these. */
export interface ZmqApplication {
  readonly application: string;
  readonly uuid: string;
}

/** An event that a client reports; the program reads it and does nothing with it. */
export interface ReportedEvent {
  readonly eventChannel: number;
  readonly eventId: number;
  readonly sampleNum: number;
  readonly type: number;
}

/** A request to the port beside the data port. */
export type ZmqRequest =
  | ({ readonly type: 'heartbeat' } & ZmqApplication)
  | ({ readonly type: 'event'; readonly event: ReportedEvent } & ZmqApplication);

/** Writes a request. */
export function encodeRequest(request: ZmqRequest): string {
  const { application, uuid, type } = request;
  if (request.type === 'heartbeat') return formatFields({ application, uuid, type });
  const { eventChannel, eventId, sampleNum, type: kind } = request.event;
  const event = { event_channel: eventChannel, event_id: eventId, sample_num: sampleNum, type: kind };
  return formatFields({ application, uuid, type, event });
}

/** Reads a request as the program does: anything in JSON that is no event is a heartbeat. Null where it is no JSON. */
export function decodeRequest(text: string): ZmqRequest | null {
  const fields = parseFields(text);
  if (fields === null) return null;
  const application = toText(fields.application) ?? '';
  const uuid = toText(fields.uuid) ?? '';
  if (fields.type !== 'event') return { type: 'heartbeat', application, uuid };
  const event = toFields(fields.event);
  return {
    type: 'event',
    application,
    uuid,
    event: {
      eventChannel: toNumber(event?.event_channel),
      eventId: toNumber(event?.event_id),
      sampleNum: toNumber(event?.sample_num),
      type: toNumber(event?.type),
    },
  };
}

/** What the program answers to a request. */
export function replyTo(request: ZmqRequest | null): string {
  if (request === null) return UNREADABLE_REPLY;
  return request.type === 'event' ? EVENT_REPLY : HEARTBEAT_REPLY;
}

function toNumber(value: unknown): number {
  return typeof value === 'number' ? Math.trunc(value) : 0;
}
