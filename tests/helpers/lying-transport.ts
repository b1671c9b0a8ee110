import {
  decodeDeviceMessage,
  decodeHostMessage,
  encodeDeviceMessage,
  encodeHostMessage,
} from '../../protocols/mea-link/codec.js';
import type { Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import type { DeviceMessage, HostMessage } from '../../protocols/mea-link/messages.js';

/** What a liar makes of the messages of one link; `undefined` swallows one. */
export interface Lies {
  /** A message of the kit on its way to the device. `answer` speaks in the device's place. */
  readonly toDevice?: (message: HostMessage, answer: (message: DeviceMessage) => void) => HostMessage | undefined;
  /** A message of the device on its way to the kit. `tell` sends another one before it, of the data lane. */
  readonly toHost?: (message: DeviceMessage, tell: (message: DeviceMessage) => void) => DeviceMessage | undefined;
}

/**
 * Turns an honest device into one with a defect, by changing what passes over its links.
 *
 * @param openLies called for each link
 */
export function createLyingTransport(honest: Transport, openLies: () => Lies): Transport {
  return {
    address: honest.address,
    connect: async (handler, signal) => {
      const lies = openLies();
      const link = await honest.connect(lieToHost(handler, lies), signal);
      return lieToDevice(link, lies, handler);
    },
  };
}

function lieToHost(handler: LinkHandler, { toHost = (message) => message }: Lies): LinkHandler {
  const tell = (message: DeviceMessage): void => {
    handler.onMessage('data', encodeDeviceMessage(message));
  };
  return {
    onMessage: (lane, bytes) => {
      const decoded = decodeDeviceMessage(bytes);
      const told = decoded.type === 'message' ? toHost(decoded.message, tell) : undefined;
      if (decoded.type === 'bad') handler.onMessage(lane, bytes);
      else if (told !== undefined) handler.onMessage(lane, encodeDeviceMessage(told));
    },
    onBadFrame: (frame) => {
      handler.onBadFrame(frame);
    },
    onDrain: () => {
      handler.onDrain();
    },
    onClosed: (reason) => {
      handler.onClosed(reason);
    },
  };
}

function lieToDevice(link: Link, { toDevice = (message) => message }: Lies, handler: LinkHandler): Link {
  const answer = (message: DeviceMessage): void => {
    queueMicrotask(() => {
      handler.onMessage('control', encodeDeviceMessage(message));
    });
  };
  return {
    address: link.address,
    get pendingBytes() {
      return link.pendingBytes;
    },
    send: (lane, bytes) => {
      const decoded = decodeHostMessage(bytes);
      if (decoded.type === 'bad') return link.send(lane, bytes);
      const told = toDevice(decoded.message, answer);
      return told === undefined || link.send(lane, encodeHostMessage(told));
    },
    close: () => link.close(),
  };
}
