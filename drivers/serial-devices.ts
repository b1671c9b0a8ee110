import { SerialPort } from 'serialport';

/** What a serial port may be, by its USB id alone. */
export interface SerialDeviceKind {
  /** Hexadecimal, lower case. */
  readonly vendorId: string;
  readonly productId: string;
  /** The board that has this id. */
  readonly board: string;
  /** Devices that are known to be made of it, for which there is a driver. */
  readonly mayBe: readonly ('pulse-pal' | 'stimjim' | 'ttl-box')[];
  /** For a person: why it may be something else. */
  readonly caution: string;
}

/** A serial port of this computer. */
export interface FoundSerialDevice {
  readonly path: string;
  readonly manufacturer: string | null;
  readonly serialNumber: string | null;
  /** `1ab2:3cd4`; null for a port that is not on USB. */
  readonly usbId: string | null;
  /** Null when nothing is known of its id. */
  readonly kind: SerialDeviceKind | null;
}

/** A port as the system lists it. */
export interface ListedPort {
  readonly path: string;
  readonly manufacturer?: string | undefined;
  readonly serialNumber?: string | undefined;
  readonly vendorId?: string | undefined;
  readonly productId?: string | undefined;
}

const ANY_BOARD = 'any program may run on this board: a port is used only where a rig file names it';

/** USB ids of boards that stimulators and boxes are built on. None tells the device: it is the board's. */
export const SERIAL_DEVICE_KINDS: readonly SerialDeviceKind[] = [
  {
    vendorId: '2341',
    productId: '003e',
    board: 'Arduino Due, native port',
    mayBe: ['pulse-pal', 'ttl-box'],
    caution: `a Pulse Pal 2, or a pump or a valve that somebody built: ${ANY_BOARD}`,
  },
  {
    vendorId: '2a03',
    productId: '003e',
    board: 'Arduino Due (arduino.org), native port',
    mayBe: ['pulse-pal', 'ttl-box'],
    caution: `a Pulse Pal 2, or a pump or a valve that somebody built: ${ANY_BOARD}`,
  },
  {
    vendorId: '16c0',
    productId: '0483',
    board: 'Teensy, serial port',
    mayBe: ['stimjim', 'ttl-box'],
    caution: `a StimJim, or anything else on a Teensy: ${ANY_BOARD}`,
  },
  {
    vendorId: '2e8a',
    productId: '000a',
    board: 'Raspberry Pi Pico, serial port',
    mayBe: ['ttl-box'],
    caution: `a TTL box, or anything else on a Pico: ${ANY_BOARD}`,
  },
];

/**
 * Lists the serial ports of this computer, with what they may be. Nothing is opened and nothing is written.
 *
 * @param list where the ports come from; the system, by default
 * @throws Error of the system when ports cannot be listed
 */
export async function findSerialDevices(
  list: () => Promise<readonly ListedPort[]> = () => SerialPort.list(),
): Promise<readonly FoundSerialDevice[]> {
  const ports = await list();
  return ports.map((port) => {
    const { path, manufacturer = null, serialNumber = null } = port;
    const vendorId = port.vendorId?.toLowerCase();
    const productId = port.productId?.toLowerCase();
    const isUsb = vendorId !== undefined && productId !== undefined;
    const kind = SERIAL_DEVICE_KINDS.find((known) => known.vendorId === vendorId && known.productId === productId);
    return {
      path,
      manufacturer,
      serialNumber,
      usbId: isUsb ? `${vendorId}:${productId}` : null,
      kind: kind ?? null,
    };
  });
}
