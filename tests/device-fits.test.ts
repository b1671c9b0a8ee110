import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeFits, fitBundled, toMarkdown } from '../src/cli/fit-table.js';
import { packageFolder } from '../src/cli/package-info.js';

describe('the table of devices and bundled experiments', () => {
  test('stands in docs/devices/fits.md as the program makes it', async () => {
    const page = `# What fits what\n\nWritten by \`npm run docs\`; \`meactl devices --experiments\` prints the same.\n\n${toMarkdown(await fitBundled())}\n`;
    await expect(page).toMatchFileSnapshot(join(packageFolder(), 'docs/devices/fits.md'));
  });

  test('names every device and every experiment once', async () => {
    const rows = await fitBundled();
    expect(new Set(rows.map(({ device }) => device)).size).toBe(rows.length);
    const text = describeFits(rows);
    for (const { device } of rows) expect(text.split(`${device}:`)).toHaveLength(2);
    expect(rows.every(({ fits }) => fits.length === rows[0]!.fits.length && fits.length > 10)).toBe(true);
  });

  test('is what the guide points to', () => {
    expect(readFileSync(join(packageFolder(), 'docs/devices/README.md'), 'utf8')).toContain('fits.md');
  });
});
