// Imports point one way (DESIGN): each layer may use the layers before it in this list and nothing after.
const layers = [
  ['base', '^engine/(errors|types|assert|config)\\.ts$'],
  ['format', '^engine/format/'],
  ['io', '^engine/io/'],
  ['log', '^engine/log/'],
  ['topics', '^engine/topics/'],
  ['embedded', '^engine/embedded/'],
  ['index', '^engine/index\\.ts$'],
];
// format and io are siblings: neither knows the other.
const mayUse = {
  base: ['base'],
  format: ['base', 'format'],
  io: ['base', 'io'],
  log: ['base', 'format', 'io', 'log'],
  topics: ['base', 'format', 'io', 'log', 'topics'],
  embedded: ['base', 'format', 'io', 'log', 'topics', 'embedded'],
  index: ['base', 'format', 'io', 'log', 'topics', 'embedded', 'index'],
};
const pathOf = Object.fromEntries(layers);
const product = '^engine/(?!testing/|scenarios/)(?!.*\\.(test|bench)\\.ts$)';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'product-code-never-imports-test-support',
      severity: 'error',
      from: { path: `${product}|^cli/(?!.*\\.test\\.ts$)` },
      to: { path: '^engine/(testing|scenarios)/' },
    },
    {
      name: 'only-io-touches-files-and-mmap',
      severity: 'error',
      from: { path: '^engine/(format|log|topics|embedded)/(?!.*\\.(test|bench)\\.ts$)' },
      to: { path: '^(node:)?(fs|fs/promises|koffi)$|node_modules/koffi' },
    },
    {
      name: 'engine-never-imports-programs',
      severity: 'error',
      from: { path: '^engine/' },
      to: { path: '^(cli|benchmarks|profiles)/' },
    },
    ...Object.entries(mayUse).map(([layer, allowed]) => ({
      name: `${layer}-imports-only-${allowed.join('-')}`,
      severity: 'error',
      from: { path: pathOf[layer], pathNot: '\\.(test|bench)\\.ts$' },
      to: {
        path: '^engine/',
        pathNot: [...allowed.map((name) => pathOf[name])],
      },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.json'] },
  },
};
