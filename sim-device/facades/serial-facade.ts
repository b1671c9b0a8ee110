/** A device behind a serial line, without the line: bytes in, bytes out, and its own time. */
export interface SerialFacade {
  /** What the host has written, as it comes. */
  receive(bytes: Uint8Array): void;
  /** Who hears what the device writes; one at a time, as on a line. */
  onBytes(listener: (bytes: Uint8Array) => void): void;
  /** Lets microseconds of its time pass; all that is due in them happens at its time. */
  advance(durationUs: number): void;
  /** Ticks of `advance` in a second, for a pace by the wall's clock. */
  readonly sampleRateHz: number;
}
