// Imports point one way (DESIGN): each layer may use the layers before it in this list and nothing after.
const layers = [
  ['base', '^engine/(errors|types|assert|settings|config|timers)\\.ts$'],
  ['format', '^engine/format/'],
  ['io', '^engine/io/'],
  ['protocol', '^engine/protocol/'],
  ['metadata', '^engine/metadata/'],
  ['log', '^engine/log/'],
  ['topics', '^engine/topics/'],
  ['replication', '^engine/replication/'],
  ['groups', '^engine/groups/'],
  ['broker', '^engine/broker/'],
  ['wire', '^engine/wire/'],
  ['embedded', '^engine/embedded/'],
  ['cluster', '^engine/cluster/'],
  ['index', '^engine/index\\.ts$'],
];
const store = ['base', 'format', 'io', 'log', 'topics'];
const thin = ['protocol', 'metadata', 'replication', 'groups'];
// Siblings that do not know each other: format and io; protocol and the store; replication and groups.
const mayUse = {
  base: ['base'],
  format: ['base', 'format'],
  io: ['base', 'io'],
  protocol: ['base', 'format', 'protocol'],
  metadata: ['base', 'format', 'protocol', 'metadata'],
  log: ['base', 'format', 'io', 'log'],
  topics: store,
  replication: [...store, 'protocol', 'metadata', 'replication'],
  groups: [...store, 'protocol', 'groups'],
  broker: [...store, ...thin, 'broker'],
  wire: ['base', 'format', 'io', 'protocol', 'replication', 'broker', 'wire'],
  embedded: [...store, 'protocol', 'groups', 'embedded'],
  cluster: [...store, ...thin, 'broker', 'wire', 'embedded', 'cluster'],
  index: [...store, ...thin, 'broker', 'wire', 'embedded', 'cluster', 'index'],
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
      from: { path: '^engine/(?!io/|testing/|scenarios/)(?!.*\\.(test|bench)\\.ts$)' },
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
