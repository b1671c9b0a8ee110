import { createCobsFraming, createLengthFraming } from '../../protocols/mea-link/framing.js';
import type { Link, LinkHandler, Transport } from '../../protocols/mea-link/link.js';
import type { MemoryHub } from '../../protocols/mea-link/memory-link.js';
import type { DeviceFaults } from '../../sim-device/faults/device-faults.js';

/** How frames are told apart on the bytes of the link. */
export type FramingName = 'cobs' | 'length';

/**
 * A link in memory on which every message of the device is framed, goes through the device's faults as bytes, and is
 * unframed again: what a fault does to a frame meets the real decoder. `onData` hears of each message of the data lane
 * that came through whole.
 */
export function createFaultyTransport(
  hub: MemoryHub,
  faults: DeviceFaults,
  { framing, onData }: { readonly framing: FramingName; readonly onData: () => void },
): Transport {
  return {
    address: `memory: with faults, ${framing} framing`,
    connect: (handler: LinkHandler, signal: AbortSignal): Promise<Link> => {
      const { encoder, decoder } = framing === 'cobs' ? createCobsFraming() : createLengthFraming();
      const arrived: Pick<LinkHandler, 'onMessage' | 'onBadFrame'> = {
        onMessage: (lane, message) => {
          if (lane === 'data') onData();
          handler.onMessage(lane, message);
        },
        onBadFrame: (frame) => {
          handler.onBadFrame(frame);
        },
      };
      return hub.connect(
        {
          onMessage: (lane, message) => {
            for (const frame of faults.filterFrame(encoder.encode(lane, message))) decoder.push(frame, arrived);
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
        },
        signal,
      );
    },
  };
}
