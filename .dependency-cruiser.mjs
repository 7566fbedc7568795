// Folder rules: the arrows of docs/architecture.md. A room may import only the rooms listed for it, and only through their doors.
const TESTS = '\\.(test|prop\\.test|real\\.test)\\.ts$';
const TESTING = '/testing/';

/** room -> rooms of src it may import */
const MAY_IMPORT = {
  base: [],
  api: ['base'],
  kube: ['base'],
  store: ['base'],
  stateio: ['base'],
  journal: ['base', 'store'],
  recoverylog: ['base', 'store', 'journal'],
  persistence: ['base', 'kube'],
  statemachine: ['base', 'store', 'stateio', 'journal', 'recoverylog'],
  service: ['base', 'statemachine', 'stateio', 'journal', 'recoverylog'],
  kvstore: ['base', 'store', 'service', 'statemachine', 'stateio', 'journal', 'recoverylog'],
  sdk: ['base', 'api', 'agent', 'recoverylog', 'service', 'statemachine'],
  agent: ['base', 'api', 'kube', 'store', 'journal', 'recoverylog', 'persistence', 'statemachine'],
};
const ROOMS = [...Object.keys(MAY_IMPORT), 'cli'];
const OPERATOR_MAY_IMPORT = ['base', 'api', 'kube', 'persistence', 'store', 'journal'];

const layerRules = Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
  name: `${room}-arrows`,
  comment: `src/${room} may import only: ${[room, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${room}/`, pathNot: [TESTS, TESTING] },
  to: { path: '^(src|operator|e2e|bench)/', pathNot: `^src/(${[room, ...allowed].join('|')})/` },
}));

const doorRules = ROOMS.map((room) => ({
  name: `${room}-door`,
  comment: `Others reach src/${room} through its index.ts (tests also through testing/index.ts; the agent's wire types through heartbeat/index.ts; kvstore's client through client/index.ts; the kit for state machines through testkit/index.ts)`,
  severity: 'error',
  from: { path: '^(src|operator|e2e|bench)/', pathNot: `^src/${room}/` },
  to: {
    path: `^src/${room}/`,
    pathNot: [`^src/${room}/(index|testing/index|testkit/index|heartbeat/index|client/index)\\.ts$`],
  },
}));

const only = (pkg, where) => ({
  name: `${pkg.replaceAll(/[^a-z0-9]+/g, '-')}-has-one-importer`,
  severity: 'error',
  from: { path: '^(src|operator)/', pathNot: where },
  to: { path: `node_modules/${pkg}` },
});

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolved',
      comment: 'holdfast/sdk is this package itself once it is built',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^holdfast/sdk$' },
    },
    {
      name: 'examples-use-the-sdk',
      comment: 'what an example needs, a user can have',
      severity: 'error',
      from: { path: '^examples/' },
      to: { pathNot: '^holdfast/sdk$', dependencyTypesNot: ['core'] },
    },
    {
      name: 'nobody-imports-the-sdk',
      comment: 'it is the door for users; rooms import the rooms behind it',
      severity: 'error',
      from: { path: '^(src|operator|bench)/', pathNot: ['^src/sdk/', TESTS] },
      to: { path: '^src/sdk/' },
    },
    {
      name: 'nobody-imports-e2e-or-bench',
      severity: 'error',
      from: { path: '^(src|operator)/', pathNot: TESTS },
      to: { path: '^(e2e|bench)/' },
    },
    {
      name: 'testing-doors-are-for-tests',
      severity: 'error',
      from: { path: '^(src|operator)/', pathNot: [TESTS, TESTING] },
      to: { path: TESTING },
    },
    {
      name: 'no-dev-dependency-in-production',
      severity: 'error',
      from: { path: '^(src|operator)/', pathNot: [TESTS, TESTING] },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'operator-arrows',
      severity: 'error',
      from: { path: '^operator/', pathNot: TESTS },
      to: {
        path: '^(src|e2e|bench)/',
        pathNot: [`^src/(${OPERATOR_MAY_IMPORT.join('|')})/`, '^src/agent/heartbeat/index\\.ts$'],
      },
    },
    {
      name: 'src-never-imports-operator',
      comment: 'the command line wires the operator in; nothing else may know it',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', TESTS] },
      to: { path: '^operator/' },
    },
    {
      name: 'plan-is-pure',
      severity: 'error',
      from: { path: '^operator/plan/', pathNot: TESTS },
      to: { path: '^(src|operator)/', pathNot: ['^operator/plan/', '^src/(base|api)/index\\.ts$'] },
    },
    {
      name: 'plan-uses-no-node-builtins',
      severity: 'error',
      from: { path: '^operator/plan/', pathNot: TESTS },
      to: { dependencyTypes: ['core'] },
    },
    ...layerRules,
    ...doorRules,
    only('@kubernetes/client-node', '^src/kube/'),
    only('@aws-sdk/', '^src/store/'),
    only('@smithy/', '^src/store/'),
    only('winston', '^src/base/'),
    only('prom-client', '^src/base/'),
    only('fastify', '^src/(agent|service|kvstore)/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/gen/' },
    tsPreCompilationDeps: true,
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs'],
    },
  },
};
