import { readFile } from 'node:fs/promises';

/** State of a socket that waits for connections, in the kernel's table. */
const LISTEN = '0A';
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'];

/**
 * TCP ports of this computer at which somebody listens, without connecting to any: a program that takes one client at a
 * time would lose its place to us. Undefined where the system does not say (it does on Linux).
 */
export async function listListeningPorts(tables: readonly string[] = TABLES): Promise<ReadonlySet<number> | undefined> {
  const ports = new Set<number>();
  let hasRead = false;
  for (const table of tables) {
    const text = await readFile(table, 'latin1').catch(() => undefined);
    if (text === undefined) continue;
    hasRead = true;
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/u);
      if (state === LISTEN && local !== undefined)
        ports.add(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
    }
  }
  return hasRead ? ports : undefined;
}
