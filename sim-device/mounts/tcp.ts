import { createServer, type Server } from 'node:net';
import { MeaError } from '../../protocols/errors.js';
import { createLengthFraming } from '../../protocols/mea-link/framing.js';
import type { AcceptLink, Link, Mount } from '../../protocols/mea-link/link.js';
import { assertMayListen, formatLinkAddress } from '../../protocols/mea-link/link-address.js';
import type { LinkOptions } from '../../protocols/mea-link/link-options.js';
import { createSocketLink } from '../../protocols/mea-link/socket-link.js';

export interface NetworkMountOptions extends LinkOptions {
  /** Lets other computers in. There is no password: whoever reaches the port may stimulate. */
  readonly allowRemote?: boolean;
}

/**
 * Listens on a TCP port; one link for each connection.
 *
 * @throws MeaError `refused` for a host that is not loopback, unless `allowRemote`; `link` when the port is taken
 */
export async function openTcpMount(
  { host, port }: { host: string; port: number },
  accept: AcceptLink,
  options: NetworkMountOptions,
): Promise<Mount> {
  assertMayListen(host, options.allowRemote ?? false);
  const links = new Set<Link>();
  const server = createServer({ noDelay: true }, (socket) => {
    const address = `tcp://${socket.remoteAddress ?? host}:${socket.remotePort ?? 0}`;
    const link = createSocketLink(socket, { ...options, address, framing: createLengthFraming() });
    links.add(link);
    socket.on('close', () => links.delete(link));
    link.hear(accept(link));
  });
  await listen(server, host, port);
  const bound = server.address();
  const realPort = bound !== null && typeof bound === 'object' ? bound.port : port;
  return {
    address: formatLinkAddress({ type: 'tcp', host, port: realPort }),
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await Promise.all(Array.from(links, (link) => link.close()));
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      const details = { what: 'The device cannot listen', got: error.message, where: `${host}:${port}` };
      reject(
        new MeaError('link', { ...details, remedy: 'take another port, or 0 for any free one' }, { cause: error }),
      );
    };
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve();
    });
  });
}
