import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../tests/helpers/run-cli.js';
import { systemDisk } from './disk.js';
import { writeSmallFile } from './write-small-file.js';

const root = temporaryFolder('write-small-file');

it('writes over what a program left that was killed before it could rename it', () => {
  const path = join(root, 'session.json');
  writeFileSync(`${path}.tmp`, 'half of');
  writeSmallFile(systemDisk(), path, Buffer.from('whole'));
  expect(readdirSync(root)).toEqual(['session.json']);
  expect(readFileSync(path, 'utf8')).toBe('whole');
});
