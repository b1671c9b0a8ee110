/** What is needed of a terminal's input. */
export interface KeyInput {
  setRawMode(isRaw: boolean): unknown;
  on(event: 'data', listener: (keys: Buffer) => void): unknown;
  off(event: 'data', listener: (keys: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Keys of a terminal that end stimulation, as signals do. */
export interface StopKeys {
  /** From now on keys are looked at, one by one: the terminal waits for no line. */
  begin(): void;
  /** The terminal is as it was. To be called on every way out; again does nothing. */
  end(): void;
}

/** What keys do. */
export interface StopKeyActions {
  /** Space or x. */
  readonly onStop: () => void;
  /** Ctrl-C, of which a terminal makes no signal meanwhile. */
  readonly onInterrupt: () => void;
}

const STOP = new Set([' ', 'x', 'X']);
const CTRL_C = '\u0003';

/** What a person is told where keys are looked at. */
export const STOP_KEYS_HINT = 'press space or x to stop stimulation at once; Ctrl-C does so too';

export function createStopKeys(input: KeyInput, { onStop, onInterrupt }: StopKeyActions): StopKeys {
  let isOn = false;
  const onKeys = (keys: Buffer): void => {
    for (const key of keys.toString('latin1')) {
      if (STOP.has(key)) onStop();
      else if (key === CTRL_C) onInterrupt();
    }
  };
  return {
    begin() {
      if (isOn) return;
      isOn = true;
      input.setRawMode(true);
      input.on('data', onKeys);
      input.resume();
    },
    end() {
      if (!isOn) return;
      isOn = false;
      input.off('data', onKeys);
      input.setRawMode(false);
      // Or it would keep the process.
      input.pause();
    },
  };
}

/**
 * True where a terminal's keys are this process's: one in the background that reads them is halted by the system, and could not
 * keep a device armed any more.
 *
 * @param stat the text of /proc/self/stat; undefined where the system has none
 */
export function hasForeground(stat: string | undefined): boolean {
  if (stat === undefined) return true;
  // After the name, which may hold anything: state, parent, group, session, terminal, the terminal's foreground group.
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}
