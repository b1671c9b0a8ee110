import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { parse } from 'yaml';
import { packageFolder } from '../src/cli/package-info.js';
import { studySchema } from '../src/cli/study-file.js';
import { experimentSchema } from '../src/closed-loop/experiment.js';
import { rigSchema } from '../src/closed-loop/rig.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { describeSchema } from './helpers/schema-docs.js';

// `npm run docs` writes these files anew; a schema that moved on without its page fails here.
const PAGES: readonly (readonly [file: string, title: string, intro: string, schema: z.ZodType])[] = [
  [
    'experiment-file',
    'The experiment file',
    'An experiment is a YAML file; the bundled ones lie in `experiments/`. A key that is not listed here is an error.',
    experimentSchema,
  ],
  [
    'rig-file',
    'The rig file',
    'A rig is a YAML file; the bundled one lies in `rigs/`. A key that is not listed here is an error.',
    rigSchema,
  ],
  [
    'study-file',
    'The study file',
    'What `meactl compare` compares, with batches and exclusions. A key that is not listed here is an error.',
    studySchema,
  ],
  [
    'fit-output',
    'The output of a fit',
    'What `meactl fit --json` prints and `result.json` of a run holds. Values of an ensemble that was not found are `null`.',
    fitOutputSchema,
  ],
];

describe('the documentation', () => {
  test.each(PAGES)('%s.md is what the schema says', async (file, title, intro, schema) => {
    const page = `# ${title}\n\n${intro}\n\nThis page is made from the schema in the source by \`npm run docs\`.\n\n${describeSchema(schema)}`;
    await expect(page).toMatchFileSnapshot(join(packageFolder(), 'docs', `${file}.md`));
  });

  test('has no link to a file that is not there', () => {
    const root = packageFolder();
    const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];
    const broken = pages.flatMap((page) => {
      const text = readFileSync(join(root, page), 'utf8');
      const targets = [...text.matchAll(/\]\(([^)#\s]+)\)/g)].map((match) => match[1]!);
      return targets.filter((target) => !target.startsWith('http') && !existsSync(join(root, dirname(page), target)));
    });
    expect(broken).toEqual([]);
  });

  test('names commands in docker-compose.yml that package.json has', () => {
    const compose: unknown = parse(readFileSync(join(packageFolder(), 'docker-compose.yml'), 'utf8'));
    const scripts: unknown = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8'));
    expect(compose).toMatchObject({ services: { demo: { command: ['npm', 'run', 'demo'] } } });
    expect(scripts).toHaveProperty('scripts.demo');
  });
});
