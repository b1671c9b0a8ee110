// Brings a checkout into working order: dependencies installed, program built. Plain JavaScript on node: modules only,
// because it runs before anything else is there. Does nothing, fast, when nothing is missing.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyGenerated, generate, generatedFrom } from './generate.mjs';
import { root } from './root.mjs';

export { root };

/** Folders whose TypeScript is compiled, and files that decide how. */
const SOURCES = ['protocols', 'drivers', 'src', 'sim-device', 'tests', 'benchmarks', 'examples'];
const SETTINGS = ['tsconfig.json', 'package.json', 'package-lock.json', 'vitest.config.ts'];

/** Refuses a Node that is too old, with the way out. */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old: expected 20.19 or newer; install a newer Node`);
}

/** Installs the locked dependencies when they are not there or not those of the lock file. */
export function ensureInstalled() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = join(root, 'node_modules', '.meactl-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  say('installing dependencies (npm ci --ignore-scripts) ...');
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) fail(`npm ci failed:\n${npm.stderr}`);
  writeFileSync(stamp, lock);
}

/** Compiles when a source is newer than the last build or has gone. */
export function ensureBuilt() {
  const stamp = join(root, 'dist', '.built');
  const inputs = [
    ...SETTINGS.map((name) => join(root, name)),
    ...SOURCES.flatMap((name) => listSources(join(root, name))),
    ...generatedFrom(),
  ];
  const fingerprint = createHash('sha256').update(inputs.join('\n')).digest('hex');
  const newest = Math.max(...inputs.filter((path) => existsSync(path)).map((path) => statSync(path).mtimeMs));
  if (existsSync(stamp)) {
    const [built, of] = readFileSync(stamp, 'utf8').split(' ');
    if (Number(built) >= newest && of === fingerprint) return;
    // A source that was removed or renamed must not live on in dist.
    if (of !== fingerprint) rmSync(join(root, 'dist'), { recursive: true, force: true });
  }
  say('building ...');
  const failure = generate();
  if (failure !== undefined) fail(`the build failed:\n${failure}`);
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (tsc.status !== 0) fail(`the build failed:\n${tsc.stdout}`);
  mkdirSync(join(root, 'dist'), { recursive: true });
  copyGenerated();
  writeFileSync(stamp, `${newest} ${fingerprint}`);
}

function listSources(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Runs a Node program of the checkout to its end, with the terminal; resolves to its exit code. */
export function runNode(args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', ...options });
    // The child gets the terminal's signals itself; the parent only waits for how it ends.
    for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => child.kill(name));
    child.on('close', (code, signal) => resolve(signal === null ? code : 130));
  });
}

export function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

/** All three steps. */
export function bootstrap() {
  checkNode();
  ensureInstalled();
  ensureBuilt();
}
