/**
 * The simulations from the command line: `--seeds N` runs, from `--seed S` on; prints every failing seed and how to replay it. `--jobs J` runs them in
 * as many threads; `--json` prints one object instead of text. `--kv` runs the key-value service through failovers instead of the journal alone.
 * `--soak --standby-days N` runs the long life of soak.ts instead, and prints its report.
 * `--verbose` prints every run, and of a failed one the stack: without it no error has one, since the network of the adversary makes thousands a seed.
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { SOAK, soak } from './soak.ts';

/** Loaded when they are run: that of the journal needs much less. */
const SIMULATIONS = {
  journal: async () => (await import('./journal.ts')).simulateJournal,
  kv: async () => (await import('./kv/kv.ts')).simulateKv,
};

/** Numbers by name; all but the seed are summed up. */
type Run = Readonly<Record<string, number>>;
type Told = { readonly run: Run } | { readonly failure: string; readonly detail: string };

/** Seeds of one thread: every `step`th. */
interface Share {
  readonly simulation: keyof typeof SIMULATIONS;
  readonly first: number;
  readonly end: number;
  readonly step: number;
  readonly stacks: boolean;
}

async function runShare(share: Share, tell: (told: Told) => boolean): Promise<void> {
  const { first, end, step, stacks } = share;
  if (!stacks) Error.stackTraceLimit = 0;
  const simulate = await SIMULATIONS[share.simulation]();
  for (let seed = first; seed < end; seed += step) {
    try {
      if (!tell({ run: { ...(await simulate(seed)) } })) return;
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      const detail = error instanceof Error ? `${error.stack}\n${String((error.cause as Error)?.stack)}` : '';
      if (!tell({ failure, detail })) return;
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      kv: { type: 'boolean', default: false },
      soak: { type: 'boolean', default: false },
      'standby-days': { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      'fail-fast': { type: 'boolean', default: false },
    },
  });
  if (values.soak) {
    console.log(JSON.stringify(await soak({ ...SOAK, standbyDays: Number(values['standby-days']) })));
    return;
  }
  const [first, count, jobs] = [Number(values.seed), Number(values.seeds), Number(values.jobs)];
  const simulation = values.kv ? 'kv' : 'journal';
  const totals: Record<string, number> = {};
  let virtualMs = 0;
  let runs = 0;
  const failures: string[] = [];
  const take = (told: Told): boolean => {
    if ('failure' in told) {
      failures.push(told.failure);
      if (!values.json) console.error(values.verbose ? `${told.failure}\n${told.detail}` : told.failure);
      return !values['fail-fast'];
    }
    runs++;
    const { seed: _, virtualMs: ms, ...counts } = told.run;
    for (const [count, times] of Object.entries(counts)) totals[count] = (totals[count] ?? 0) + times;
    virtualMs += ms!;
    if (values.verbose) console.log(JSON.stringify(told.run));
    return true;
  };
  const share = { simulation, end: first + count, stacks: values.verbose } as const;
  if (jobs === 1) await runShare({ ...share, first, step: 1 }, take);
  else
    await Promise.all(
      Array.from({ length: jobs }, (_, i) => thread({ ...share, first: first + i, step: jobs }, take)),
    );
  if (values.json) console.log(JSON.stringify({ runs, failures, totals }));
  else {
    const hours = (virtualMs / 3_600_000).toFixed(0);
    console.log(`${runs + failures.length} seeds, ${failures.length} failed, ${hours} virtual hours`);
    console.log(
      Object.entries(totals)
        .map(([name, times]) => `${name} ${times}`)
        .join(', '),
    );
  }
  process.exitCode = failures.length === 0 ? 0 : 1;
}

function thread(share: Share, take: (told: Told) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: share });
    worker.on('message', (told: Told) => {
      if (!take(told)) void worker.terminate();
    });
    worker.once('error', reject);
    worker.once('exit', () => resolve());
  });
}

if (isMainThread) await main();
else
  await runShare(workerData as Share, (told) => {
    parentPort!.postMessage(told);
    return true;
  });
