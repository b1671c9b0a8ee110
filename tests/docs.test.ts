import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { parse } from 'yaml';
import { packageFolder } from '../src/cli/package-info.js';
import { runProgram } from '../src/cli/program.js';
import { studySchema } from '../src/cli/study-file.js';
import { experimentSchema } from '../src/closed-loop/experiment.js';
import { rigSchema } from '../src/closed-loop/rig.js';
import { fitOutputSchema } from '../src/report/fit-output.js';
import { describeSchema } from './helpers/schema-docs.js';

// `npm run docs` writes these files anew; a schema that moved on without its page fails here.
interface Page {
  readonly file: string;
  readonly title: string;
  readonly intro: string;
  readonly schema: z.ZodType;
}

const PAGES: readonly Page[] = [
  {
    file: 'experiment-file',
    title: 'The experiment file',
    intro:
      'An experiment is a YAML file; the bundled ones lie in `experiments/`. A key that is not listed here is an error.',
    schema: experimentSchema,
  },
  {
    file: 'rig-file',
    title: 'The rig file',
    intro: 'A rig is a YAML file; the bundled one lies in `rigs/`. A key that is not listed here is an error.',
    schema: rigSchema,
  },
  {
    file: 'study-file',
    title: 'The study file',
    intro: 'What `meactl compare` compares, with batches and exclusions. A key that is not listed here is an error.',
    schema: studySchema,
  },
  {
    file: 'fit-output',
    title: 'The output of a fit',
    intro:
      'What `meactl fit --json` prints and `result.json` of a run holds. Values of an ensemble that was not found are `null`.',
    schema: fitOutputSchema,
  },
];

describe('the documentation', () => {
  test.each(PAGES)('$file is the page that the schema makes', async ({ file, title, intro, schema }) => {
    const page = `# ${title}\n\n${intro}\n\nThis page is made from the schema in the source by \`npm run docs\`.\n\n${describeSchema(schema)}`;
    await expect(page).toMatchFileSnapshot(join(packageFolder(), 'docs', `${file}.md`));
  });

  test('has the numbers in the README that the program prints', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meactl-tour-'));
    const printed: string[] = [];
    try {
      const code = await runProgram(['run', 'isomura2023', '--no-report', '--out', join(folder, 'first')], {
        stdout: (text) => printed.push(text),
        stderr: () => undefined,
        isTerminal: false,
        env: {},
        signal: new AbortController().signal,
      });
      expect(code).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const plain = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
    const readme = plain(readFileSync(join(packageFolder(), 'README.md'), 'utf8'));
    const lines = printed.join('').split('\n').slice(0, 5).map(plain);
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(readme).toContain(line);
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
