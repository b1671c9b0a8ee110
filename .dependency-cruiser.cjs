// The layers of docs/decisions/0001-layers.md. scripts/check-layers.mjs runs this and fails as well when fewer
// modules are seen than the tree has: a checker that reads nothing must not pass.
const TEST = '[.]test[.]ts$';

/** One rule: what lies in `from` may import only the listed folders (and packages). */
function layer(name, from, allowed) {
  return {
    name,
    severity: 'error',
    from: { path: from, pathNot: TEST },
    to: { path: '^(protocols|drivers|src|sim-device|tests|benchmarks|examples|web)/', pathNot: [from, ...allowed] },
  };
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    layer('protocols-import-nothing', '^protocols/', []),
    {
      name: 'protocols-are-pure',
      comment: 'no I/O, timers or rxjs in protocols',
      severity: 'error',
      from: { path: '^protocols/', pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'protocols-no-rxjs', severity: 'error', from: { path: '^protocols/' }, to: { path: 'node_modules/rxjs' } },
    layer('drivers', '^drivers/', ['^protocols/']),
    layer('sim-device', '^sim-device/', ['^protocols/']),
    {
      name: 'sim-device-may-not-import-the-gate',
      severity: 'error',
      from: { path: '^sim-device/' },
      to: { path: '^protocols/stimulation/gate' },
    },
    layer('model', '^src/model/', ['^protocols/']),
    {
      name: 'model-is-pure',
      comment: 'no I/O and no rxjs in the model',
      severity: 'error',
      from: { path: '^src/model/', pathNot: TEST },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'model-no-rxjs', severity: 'error', from: { path: '^src/model/' }, to: { path: 'node_modules/rxjs' } },
    layer('pipeline', '^src/pipeline/', ['^protocols/', '^drivers/']),
    layer('closed-loop', '^src/closed-loop/', ['^protocols/', '^drivers/', '^src/pipeline/', '^src/model/']),
    layer('recording', '^src/recording/', ['^protocols/']),
    layer('report', '^src/report/', ['^protocols/', '^src/model/', '^src/recording/']),
    layer('monitor', '^src/monitor/', ['^protocols/', '^src/model/', '^src/recording/']),
    layer('clock', '^src/clock[.]ts$', ['^protocols/']),
    {
      name: 'emulator-only-through-one-file',
      comment: 'in src, cli/emulator.ts alone may load the emulator',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/emulator[.]ts$', TEST] },
      to: { path: '^sim-device/' },
    },
    {
      name: 'only-cli-imports-cli',
      severity: 'error',
      from: { path: '^(src|protocols|drivers|sim-device)/', pathNot: ['^src/cli/', TEST] },
      to: { path: '^src/cli/' },
    },
    {
      name: 'not-to-tests',
      severity: 'error',
      from: { path: '^(src|protocols|drivers|sim-device)/', pathNot: TEST },
      to: { path: ['^tests/', TEST] },
    },
    {
      name: 'no-unlisted-packages',
      comment: 'the types of generated code name packages of its library',
      severity: 'error',
      from: { pathNot: '/generated/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-packages-at-run-time',
      severity: 'error',
      from: { path: '^(src|protocols|drivers|sim-device)/', pathNot: TEST },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|kernels)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
