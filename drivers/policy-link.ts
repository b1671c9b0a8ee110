import { Dealer, type Observer } from 'zeromq';
import { MeaError } from '../protocols/errors.js';

/** A socket on which a program that decides patterns is asked. */
export interface PolicySocket {
  /** Sends a question, as text. False where nobody is there to take it. */
  send(question: string): Promise<boolean>;
  /** The next answer, or undefined when none has come after `timeoutMs` or when the signal was aborted. */
  receive(timeoutMs: number): Promise<string | undefined>;
  close(): void;
}

/** Questions that wait for a program that is slow; more are not sent. */
const QUEUE = 16;

/**
 * Waits at an address until a program with a REP socket has connected. Frames are an empty one and the text, as REP and
 * REQ sockets have them.
 *
 * @param address tcp://HOST:PORT; who can reach it can decide what is shown, still behind the safety gate
 * @throws MeaError `link` when the address cannot be bound, or nobody connects in `connectMs`; the signal's reason when it
 *   is aborted
 */
export async function openPolicySocket(
  address: string,
  { connectMs, signal }: { readonly connectMs: number; readonly signal: AbortSignal },
): Promise<PolicySocket> {
  const dealer = new Dealer({ linger: 0, sendTimeout: 0, sendHighWaterMark: QUEUE, receiveHighWaterMark: QUEUE });
  const { events } = dealer;
  try {
    await bind(dealer, address);
    const isThere = await withDeadline(untilConnected(events), connectMs, signal);
    signal.throwIfAborted();
    if (isThere !== true) {
      const remedy = 'start it first; its REP socket connects to this address';
      throw new MeaError('link', { what: 'No program has connected to decide patterns', where: address, remedy });
    }
  } catch (error) {
    dealer.close();
    throw error;
  }
  // One receive at a time, which outlives its question: what comes late is given to the next one.
  let pending: Promise<string | undefined> | undefined;
  const next = (): Promise<string | undefined> =>
    (pending ??= dealer.receive().then(
      (frames) => {
        pending = undefined;
        return frames.at(-1)?.toString('utf8') ?? '';
      },
      () => undefined,
    ));
  return {
    async send(question) {
      try {
        await dealer.send(['', question]);
        return true;
      } catch {
        return false;
      }
    },
    receive: (timeoutMs) => withDeadline(next(), timeoutMs, signal),
    close() {
      dealer.close();
    },
  };
}

async function bind(dealer: Dealer, address: string): Promise<void> {
  try {
    await dealer.bind(address);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    const remedy = 'is another run waiting there? policy.address in the experiment file names another port';
    throw new MeaError('link', { what: 'Cannot wait for the external policy', got, where: address, remedy }, { cause });
  }
}

/** Resolves when a program has connected; goes on listening until the socket has ended, as an observer must. */
function untilConnected(events: Observer): Promise<boolean> {
  return new Promise((resolve) => {
    const listen = async (): Promise<void> => {
      for (;;) {
        const { type } = await events.receive();
        if (type === 'handshake') resolve(true);
        if (type === 'end') return;
      }
    };
    void listen().catch(() => undefined);
  });
}

function withDeadline<T>(wait: Promise<T>, timeoutMs: number, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const settle = (value: T | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      resolve(value);
    };
    const giveUp = (): void => {
      settle(undefined);
    };
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    void wait.then(settle);
  });
}
