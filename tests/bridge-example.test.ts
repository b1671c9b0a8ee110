import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CONFORMANCE_CHECKS } from '../drivers/conformance/all-checks.js';
import { runConformance } from '../drivers/conformance/run-conformance.js';
import { openTransport } from '../drivers/transports/open-transport.js';
import { packageFolder } from '../src/cli/package-info.js';
import { systemTimers } from '../src/timers.js';
import { askPatiently } from './helpers/ask-patiently.js';
import { describeWithDebianTool, type ToolProbe } from './helpers/debian-tool.js';
import { createWideProfile } from './helpers/wide-profile.js';

const pythonWithZmq: ToolProbe = {
  command: '/usr/bin/python3',
  args: ['-c', 'import zmq'],
  remedy: 'apt-get install python3-zmq',
};

describeWithDebianTool('the bridge of examples/bridge', pythonWithZmq, () => {
  it('keeps every promise of MEA-Link', async () => {
    const bridge = await startBridge();
    try {
      const timers = systemTimers();
      const results = await askPatiently(async (only) => {
        const report = await runConformance({
          transport: openTransport(bridge.address, { timers }),
          timers,
          signal: new AbortController().signal,
          profile: createWideProfile([0, 2, 4, 6]),
          stimulate: true,
          only,
        });
        return report.results;
      });
      expect(bridge.complaints()).toBe('');
      // It speaks 1.0, which has no word for an electrode at its compliance voltage.
      const others = results.filter(({ id, outcome }) => outcome.type !== 'passed' && id !== 'deliver-compliance');
      expect(others.map((result) => JSON.stringify(result))).toEqual([]);
      expect(results.find(({ id }) => id === 'deliver-compliance')?.outcome.type).toBe('skipped');
      expect(results.length).toBe(CONFORMANCE_CHECKS.length);
    } finally {
      bridge.process.kill();
    }
  });
});

interface Bridge {
  readonly process: ChildProcess;
  readonly address: string;
  /** What it wrote to stderr. */
  readonly complaints: () => string;
}

async function startBridge(): Promise<Bridge> {
  const port = await freePort();
  const script = join(packageFolder(), 'examples/bridge/bridge.py');
  const argv = ['-B', script, '--port', String(port)];
  const bridge = spawn(pythonWithZmq.command, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  bridge.stderr.on('data', (text: Buffer) => {
    complaints += text.toString();
  });
  await Promise.race([once(bridge.stdout, 'data'), once(bridge, 'exit')]);
  expect(bridge.exitCode, complaints).toBeNull();
  return { process: bridge, address: `zmq+tcp://127.0.0.1:${port}`, complaints: () => complaints };
}

/** A port of this computer whose neighbour is likely free too. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const place = server.address();
  server.close();
  await once(server, 'close');
  if (place === null || typeof place === 'string') throw new Error('no port');
  return place.port;
}
