import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { listListeningPorts } from './listening-ports.js';

const folder = mkdtempSync(join(tmpdir(), 'ports-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

// As the kernel prints them: 5000 (0x1388) listens, 5001 (0x1389) is connected, [::]:37497 (0x9279) listens.
const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1389 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 2 1 0 20 4 0 10 -1
`;
const TCP6 = `  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:9279 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000
`;

test('tells the ports at which somebody listens, and no others', async () => {
  const tables = [join(folder, 'tcp'), join(folder, 'tcp6')];
  writeFileSync(tables[0]!, TCP);
  writeFileSync(tables[1]!, TCP6);
  expect([...(await listListeningPorts(tables))!].sort((a, b) => a - b)).toEqual([5000, 37_497]);
});

test('says nothing where the system has no such table', async () => {
  expect(await listListeningPorts([join(folder, 'none')])).toBeUndefined();
});
