// What is made from other sources before the TypeScript is compiled: the message classes from their .proto, the
// WebAssembly of the kernels. The results are not checked in. Each step is left out when its result is newer.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './root.mjs';

/** One .proto each: its classes go to `generated/` beside it. */
const PROTOS = ['protocols/mea-link/mea_link.proto'];
/** Entry points of the kernels, AssemblyScript; each becomes `build/<name>.wasm` beside it. */
const KERNELS = ['sim-device/kernels/synthesis.ts', 'src/pipeline/kernels/pipeline.ts'];
/** Kernels of layers that read no files: each becomes text, a module in `generated/` beside its folder. */
const EMBEDDED = ['protocols/mea-link/kernels/crc32c.ts'];

/** Everything that a compiled program needs beside its compiled TypeScript, relative to the checkout. */
export function generatedFiles() {
  return [
    ...PROTOS.filter(exists).map((proto) => classesOf(proto).js),
    ...KERNELS.filter(exists).map(wasmOf),
    ...EMBEDDED.filter(exists).map((entry) => moduleOf(entry).js),
  ];
}

/** Sources that `generate` reads. */
export function generatedFrom() {
  return [...PROTOS, ...[...KERNELS, ...EMBEDDED].flatMap((entry) => kernelSources(dirname(entry)))].map((path) =>
    join(root, path),
  );
}

/** Makes what is missing or older than its source. Returns the output of the step that failed, if one did. */
export function generate() {
  for (const proto of PROTOS.filter(exists)) {
    const failure = upToDate(classesOf(proto).types, [proto]) ? undefined : generateClasses(proto);
    if (failure !== undefined) return failure;
  }
  for (const entry of KERNELS.filter(exists)) {
    const failure = upToDate(wasmOf(entry), kernelSources(dirname(entry))) ? undefined : compileKernel(entry);
    if (failure !== undefined) return failure;
  }
  for (const entry of EMBEDDED.filter(exists)) {
    if (upToDate(moduleOf(entry).js, kernelSources(dirname(entry)))) continue;
    const failure = compileKernel(entry);
    if (failure !== undefined) return failure;
    embedKernel(entry);
  }
  return undefined;
}

/** Puts what was generated where the compiled program looks for it. */
export function copyGenerated() {
  for (const path of generatedFiles()) {
    mkdirSync(join(root, 'dist', dirname(path)), { recursive: true });
    copyFileSync(join(root, path), join(root, 'dist', path));
  }
}

function generateClasses(proto) {
  const { js, types } = classesOf(proto);
  mkdirSync(dirname(join(root, js)), { recursive: true });
  const flags = ['--target', 'static-module', '--wrap', 'es6', '--no-delimited', '--no-convert', '--no-service'];
  const failure =
    run('protobufjs-cli/bin/pbjs', [...flags, '--out', js, proto]) ??
    run('protobufjs-cli/bin/pbts', ['--out', types, js]);
  if (failure !== undefined) return failure;
  // Node's module loader wants the file's whole name, TypeScript the package's.
  const code = readFileSync(join(root, js), 'utf8').replace(
    /^import \* as \$protobuf from "protobufjs\/minimal";/m,
    'import $protobuf from "protobufjs/minimal.js";',
  );
  writeFileSync(join(root, js), code);
  return undefined;
}

function compileKernel(entry) {
  mkdirSync(dirname(join(root, wasmOf(entry))), { recursive: true });
  // No relaxed SIMD: it may give other results on another machine.
  const flags = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--initialMemory', '16'];
  return run('assemblyscript/bin/asc.js', [entry, '--outFile', wasmOf(entry), ...flags]);
}

function embedKernel(entry) {
  const { js, types } = moduleOf(entry);
  mkdirSync(dirname(join(root, js)), { recursive: true });
  const text = readFileSync(join(root, wasmOf(entry))).toString('base64');
  writeFileSync(join(root, types), 'export declare const KERNEL_BASE64: string;\n');
  writeFileSync(join(root, js), `export const KERNEL_BASE64 = '${text}';\n`);
}

function run(tool, args) {
  const child = spawnSync(process.execPath, [join(root, 'node_modules', tool), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return child.status === 0 ? undefined : `${tool} ${args.join(' ')}\n${child.stdout}${child.stderr}`;
}

function upToDate(result, sources) {
  if (!exists(result)) return false;
  const made = statSync(join(root, result)).mtimeMs;
  return sources.every((source) => statSync(join(root, source)).mtimeMs < made);
}

function kernelSources(folder) {
  if (!exists(folder)) return [];
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

function classesOf(proto) {
  const base = join(dirname(proto), 'generated', proto.replace(/^.*\//, '').replace(/[.]proto$/, ''));
  return { js: `${base}.js`, types: `${base}.d.ts` };
}

function wasmOf(entry) {
  return join(dirname(entry), 'build', entry.replace(/^.*\//, '').replace(/[.]ts$/, '.wasm'));
}

function moduleOf(entry) {
  const base = join(dirname(dirname(entry)), 'generated', entry.replace(/^.*\//, '').replace(/[.]ts$/, '_kernel'));
  return { js: `${base}.js`, types: `${base}.d.ts` };
}

function exists(path) {
  return existsSync(join(root, path));
}
