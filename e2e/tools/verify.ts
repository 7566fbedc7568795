/**
 * The whole verification, the same for a newcomer, for CI and before a landing: checks, unit and simulation tests, tests against real
 * servers, failover scenarios. Prints one line a step and `N passed, N failed` alone on the last line.
 *
 * V1  A missing tool, a step that crashed and a suite that ran no test are failures, never skips.
 * V2  Every step runs even when an earlier one failed, so that one run tells everything; the exit code is 0 only when nothing failed.
 *
 *   verify.ts               everything that `npm test` promises
 *   verify.ts --only=check  one or more steps by name, separated by commas
 *   verify.ts --full        also the long runs: more seeds, mutants, Ceph as a second store, PostgreSQL
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCeph } from './ceph.ts';
import { ensurePostgres } from './postgres.ts';
import { ensureServers } from './servers.ts';

interface StepResult {
  readonly passed: number;
  readonly failed: number;
  readonly note?: string;
}

interface Step {
  readonly name: string;
  readonly group: 'check' | 'build' | 'unit' | 'servers' | 'real' | 'scenarios' | 'full';
  readonly run: () => Promise<StepResult>;
}

const ROOT = join(import.meta.dirname, '..', '..');
const NODE_BIN = join(ROOT, 'node_modules', '.bin');
/** A step that hangs must end well before CI's own limit. */
const STEP_LIMIT_MS = 40 * 60_000;

function exec(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        PATH: `${NODE_BIN}:${process.env['PATH'] ?? ''}`,
        NODE_NO_WARNINGS: '1',
      },
      timeout: STEP_LIMIT_MS,
    });
    child.once('error', (error) => {
      console.error(`${command} could not be started: ${error.message}`);
      resolve(127);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

function command(group: Step['group'], name: string, program: string, args: readonly string[]): Step {
  return {
    name,
    group,
    run: async () =>
      (await exec(program, args)) === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 },
  };
}

/** A jest project; its tests are counted one by one (V1). */
function jest(group: Step['group'], project: string, extra: readonly string[] = []): Step {
  return {
    name: `jest ${project}`,
    group,
    run: async () => {
      const dir = await mkdtemp(join(tmpdir(), 'holdfast-verify-'));
      try {
        const outputFile = join(dir, 'result.json');
        const code = await exec('node', [
          '--experimental-vm-modules',
          'node_modules/jest/bin/jest.js',
          '--selectProjects',
          project,
          '--json',
          `--outputFile=${outputFile}`,
          ...extra,
        ]);
        return countTests(code, JSON.parse(await readFile(outputFile, 'utf8')) as JestResult);
      } catch (error) {
        return { passed: 0, failed: 1, note: `no result: ${String(error)}` };
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
  };
}

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

function countTests(code: number, result: JestResult): StepResult {
  const skipped = result.numPendingTests + result.numTodoTests;
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + skipped;
  if (result.numPassedTests + failed === 0) return { passed: 0, failed: 1, note: 'no test ran' };
  if (code !== 0 && failed === 0)
    return { passed: result.numPassedTests, failed: 1, note: `the runner ended with code ${code}` };
  return {
    passed: result.numPassedTests,
    failed,
    ...(skipped > 0 ? { note: `${skipped} skipped tests count as failures` } : {}),
  };
}

const steps: readonly Step[] = [
  command('check', 'types', 'tsc', ['-p', 'tsconfig.json', '--noEmit']),
  command('check', 'lint', 'oxlint', ['--type-aware', '--deny-warnings', '.']),
  command('check', 'format', 'oxfmt', ['--check', '.']),
  command('check', 'folder rules', 'depcruise', [
    '--config',
    '.dependency-cruiser.mjs',
    'src',
    'operator',
    'e2e',
    'bench',
  ]),
  command('check', 'unused code', 'knip', []),
  command('check', 'generated files', 'node', ['e2e/tools/gen.ts', '--check']),
  command('build', 'build', 'tsc', ['-p', 'tsconfig.build.json']),
  jest('unit', 'unit', ['--maxWorkers=2', '--testTimeout=120000']),
  {
    name: 'servers',
    group: 'servers',
    run: async () => {
      await ensureServers();
      return { passed: 1, failed: 0 };
    },
  },
  // Two at a time, each with servers of its own: most of their time is waiting for servers, and for timeouts that are the point of a test.
  jest('real', 'real', ['--maxWorkers=2', '--testTimeout=120000']),
  jest('scenarios', 'scenarios', ['--maxWorkers=2', '--testTimeout=180000']),
  {
    name: 'Ceph',
    group: 'full',
    run: async () => {
      await ensureCeph();
      return { passed: 1, failed: 0 };
    },
  },
  {
    name: 'PostgreSQL',
    group: 'full',
    run: async () => {
      await ensurePostgres();
      return { passed: 1, failed: 0 };
    },
  },
  jest('full', 'full', ['--runInBand', '--testTimeout=180000']),
  command('full', 'fuzzing, a minute each', 'node', ['e2e/fuzz/main.ts', 'all', '--seconds', '60']),
  command('full', 'simulation, 5,000 seeds', 'node', ['e2e/sim/main.ts', '--seeds', '5000']),
];

async function main(args: readonly string[]): Promise<number> {
  const only = args
    .find((arg) => arg.startsWith('--only='))
    ?.slice('--only='.length)
    .split(',');
  const full = args.includes('--full');
  const chosen = steps.filter((step) =>
    only ? only.includes(step.group) || only.includes(step.name) : full || step.group !== 'full',
  );
  if (chosen.length === 0)
    throw new Error(
      `no step is called ${only?.join(', ')}; there are: ${steps.map((s) => s.name).join(', ')}`,
    );
  let passed = 0;
  let failed = 0;
  const summary: string[] = [];
  for (const step of chosen) {
    const startedMs = Date.now();
    console.log(`\n── ${step.name}`);
    let result: StepResult;
    try {
      result = await step.run();
    } catch (error) {
      console.error(error);
      result = { passed: 0, failed: 1, note: error instanceof Error ? error.message : String(error) };
    }
    passed += result.passed;
    failed += result.failed;
    const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
    summary.push(
      `${result.failed === 0 ? 'ok  ' : 'FAIL'} ${step.name.padEnd(26)} ${String(result.passed).padStart(5)} passed ${String(result.failed).padStart(4)} failed ${seconds.padStart(8)} s${result.note ? `  (${result.note})` : ''}`,
    );
  }
  console.log(`\n${summary.join('\n')}\n`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
