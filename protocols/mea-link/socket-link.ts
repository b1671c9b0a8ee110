import { FramedLink, type FramedLinkOptions } from './framed-link.js';

/** What a link needs of a TCP socket; `net.Socket` has it. */
export interface SocketLike {
  readonly writableLength: number;
  write(bytes: Uint8Array, done: () => void): boolean;
  end(): unknown;
  destroy(): unknown;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Makes a link of a connected socket and takes the socket over: its events, its errors, its end. */
export function createSocketLink(socket: SocketLike, options: Omit<FramedLinkOptions, 'stream'>): FramedLink {
  let failure: string | null = null;
  const onWritten = (): void => {
    link.handleWritten();
  };
  const gone = new Promise<void>((resolve) => {
    socket.on('close', () => {
      link.handleGone(failure ?? 'the connection was closed');
      resolve();
    });
  });
  const link = new FramedLink({
    ...options,
    stream: {
      write: (bytes) => {
        socket.write(bytes, onWritten);
      },
      get writableLength() {
        return socket.writableLength;
      },
      // The socket reads on until the other side has closed too: to close with bytes unread resets the connection, and
      // a reset can overtake what was flushed.
      end: () => {
        socket.end();
        return gone;
      },
      destroy: () => {
        socket.destroy();
      },
    },
  });
  socket.on('data', (chunk) => {
    link.handleBytes(chunk);
  });
  socket.on('error', (error) => {
    failure = `the connection failed: ${error.message}`;
  });
  socket.on('end', () => {
    link.handleGone('the other side closed the connection');
    socket.destroy();
  });
  return link;
}
