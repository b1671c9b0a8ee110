import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { CONFORMANCE_CHECKS } from '../drivers/conformance/all-checks.js';
import { RIG_CHECKS } from '../drivers/conformance/checks-rig.js';
import { askPatiently } from './helpers/ask-patiently.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The part of the compose specification that the file uses; anything else in it is a mistake. */
const COMPOSE = z.strictObject({
  services: z.record(
    z.string(),
    z.strictObject({
      image: z.string().regex(/^[a-z0-9./-]+:[\w.-]+$/),
      working_dir: z.string(),
      command: z.array(z.string()).min(1),
      volumes: z.array(z.string().regex(/^[^:]+:\/[^:]+$/)),
      network_mode: z.string().optional(),
      depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).optional(),
      healthcheck: z
        .strictObject({
          test: z.tuple([z.literal('CMD')], z.string()),
          interval: z.string().regex(/^\d+s$/),
          timeout: z.string().regex(/^\d+s$/),
          retries: z.int().positive(),
        })
        .optional(),
    }),
  ),
  volumes: z.record(z.string(), z.null()),
});

const compose = COMPOSE.parse(parse(readFileSync(new URL('../docker-compose.yml', import.meta.url), 'utf8')));

/** A service's command as it is run in the checkout, without npm's own start-up: `npm run -s X -- A` is scripts/X.mjs A. */
function toArguments(service: string): readonly string[] {
  const [npm, run, ...rest] = compose.services[service]!.command;
  expect([npm, run]).toEqual(['npm', 'run']);
  const words = rest.filter((word) => word !== '-s' && word !== '--');
  return [`${ROOT}/scripts/${words[0]}.mjs`, ...words.slice(1)];
}

describe('docker-compose.yml', () => {
  it('names only services and volumes that it has', () => {
    for (const { network_mode, depends_on = {}, volumes } of Object.values(compose.services)) {
      const named = [...Object.keys(depends_on), ...(network_mode === undefined ? [] : [network_mode.split(':')[1]!])];
      for (const name of named) expect(Object.keys(compose.services)).toContain(name);
      for (const volume of volumes.map((text) => text.split(':')[0]!)) {
        if (volume !== '.') expect(Object.keys(compose.volumes)).toContain(volume);
      }
    }
  });

  it('publishes nothing, and its emulator listens on loopback only', () => {
    expect(compose.services.emulator!.command).toContain('tcp://127.0.0.1:9100');
    expect(compose.services.controller!.network_mode).toBe('service:emulator');
  });

  it('runs an emulator that becomes healthy, and a controller that finds nothing wrong with it', async () => {
    const emulator = spawn(process.execPath, toArguments('emulator'), { cwd: ROOT, stdio: 'ignore' });
    const ended = once(emulator, 'exit');
    try {
      const [, program, ...args] = compose.services.emulator!.healthcheck!.test;
      expect(program).toBe('node');
      await expect
        .poll(() => spawnSync(process.execPath, args, { cwd: ROOT }).status, { timeout: 30_000, interval: 200 })
        .toBe(0);
      const results = await askPatiently((only) => {
        const argv = [...toArguments('controller'), ...(only === undefined ? [] : ['--only', only])];
        const controller = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8' });
        const table = Array.from(controller.stdout.matchAll(/^ {2}([\w-]+) +(passed|FAILED|skipped) /gmu), (row) => ({
          id: row[1]!,
          outcome: { type: row[2]!.toLowerCase() },
        }));
        const hasFailed = table.some(({ outcome }) => outcome.type === 'failed');
        expect(controller.status, controller.stdout + controller.stderr).toBe(hasFailed ? 1 : 0);
        return Promise.resolve(table);
      });
      expect(results.filter(({ outcome }) => outcome.type === 'failed')).toEqual([]);
      expect(results.length).toBe(RIG_CHECKS.length + CONFORMANCE_CHECKS.length);
    } finally {
      emulator.kill('SIGTERM');
      await ended;
    }
  });
});
