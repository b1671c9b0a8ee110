import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Folder of the installed package: experiments and rigs lie there. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      if (readPackage(folder)?.name === 'meactl') return folder;
    } catch {
      // not here: look further up
    }
    const parent = dirname(folder);
    if (parent === folder) return folder;
    folder = parent;
  }
}

/** Version of this program. */
export function programVersion(): string {
  return readPackage(packageFolder())?.version ?? 'unknown';
}

const packageSchema = z.object({ name: z.string(), version: z.string() });

function readPackage(folder: string): z.infer<typeof packageSchema> | undefined {
  const parsed = packageSchema.safeParse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  return parsed.success ? parsed.data : undefined;
}
