/**
 * A recorded SQLite database over the same database with the same file system and no recorder: inserts in one transaction, transactions of one insert one
 * after another, and the same all at once (they share commits). The log is in memory, so that recording is what is measured and not a store. Node's own
 * SQLite on a file, with the same journal and without fsync, is the third leg: what WebAssembly and the calls from it into JavaScript cost. The legs take
 * turns in blocks.
 *
 *   npm run bench -- sqlite [--blocks N] [--inserts N] [--transactions N] [--json FILE]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemRandom } from '../src/base/index.ts';
import { openSqliteCopy, RecordedSqlite, type Sql } from '../src/recoverylog/index.ts';
import { takeOver } from '../src/recoverylog/testing/index.ts';
import { openStore } from '../src/store/index.ts';
import { PORTS, timed } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { middleRatio, perSecond, rounded, summarize, turns } from './support/stats.ts';

const { blocks, inserts, transactions, json } = benchArguments({
  blocks: 9,
  inserts: 20_000,
  transactions: 1000,
});
const WARM_UP_BLOCKS = 2;
const ROW_BYTES = 100;
const SCHEMA = 'CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB)';
const INSERT = 'INSERT INTO row (body) VALUES (?)';
const body = systemRandom.bytes(ROW_BYTES);
/** What recording may cost: reaches of our own, the original has no figure. One by one, every commit also waits for its slot. */
const REACH_IN_ONE = 1.3;
const REACH_ONE_BY_ONE = 3;

/** A fresh database, and how each workload is done on it. */
interface Subject {
  readonly inOne: () => Promise<unknown>;
  readonly oneByOne: () => Promise<unknown>;
  /** Only where a commit is waited for. */
  readonly atOnce?: () => Promise<unknown>;
  /** Bytes of log so far. */
  readonly logBytes?: () => number;
  readonly close: () => Promise<unknown>;
}

type Leg = { readonly name: string; readonly open: (dir: string) => Promise<Subject> };

const insertMany = (sql: Sql): void => {
  for (let i = 0; i < inserts; i++) sql.run(INSERT, [body]);
};
const insertOne = (sql: Sql): unknown => sql.run(INSERT, [body]);

const recorded =
  (journalMode: 'delete' | 'truncate'): Leg['open'] =>
  async (dir) => {
    const journal = { store: openStore('memory:'), name: 'bench/sqlite', generation: 'g1' };
    const { fs, session } = await takeOver({ journal, ...PORTS }, dir, 1);
    const db = await RecordedSqlite.open(fs, 'app.db', { journalMode });
    await db.exec(SCHEMA);
    return {
      inOne: () => db.transaction(insertMany),
      oneByOne: async () => {
        for (let i = 0; i < transactions; i++) await db.transaction(insertOne);
      },
      atOnce: () => Promise.all(Array.from({ length: transactions }, () => db.transaction(insertOne))),
      logBytes: () => session.head,
      close: async () => {
        await db.close();
        await session.close();
        await journal.store.close();
      },
    };
  };

async function plain(dir: string): Promise<Subject> {
  const db = await openSqliteCopy(dir, 'app.db');
  db.exec(`PRAGMA page_size = 4096; PRAGMA journal_mode = TRUNCATE; ${SCHEMA}`);
  return {
    inOne: async () => db.transaction(insertMany),
    oneByOne: async () => {
      for (let i = 0; i < transactions; i++) db.transaction(insertOne);
    },
    close: async () => db.close(),
  };
}

async function native(dir: string): Promise<Subject> {
  const db = new DatabaseSync(join(dir, 'app.db'));
  db.exec(`PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = OFF; ${SCHEMA}`);
  const [insert, begin, commit] = [INSERT, 'BEGIN', 'COMMIT'].map((sql) => db.prepare(sql));
  const inTransaction = (times: number): void => {
    begin!.run();
    for (let i = 0; i < times; i++) insert!.run(body);
    commit!.run();
  };
  return {
    inOne: async () => inTransaction(inserts),
    oneByOne: async () => {
      for (let i = 0; i < transactions; i++) inTransaction(1);
    },
    close: async () => db.close(),
  };
}

const LEGS: readonly Leg[] = [
  { name: 'without recorder', open: plain },
  { name: 'recorded, TRUNCATE', open: recorded('truncate') },
  { name: 'recorded, DELETE', open: recorded('delete') },
  { name: "Node's own SQLite", open: native },
];
const WORKLOADS = ['inOne', 'oneByOne', 'atOnce'] as const;
type Workload = (typeof WORKLOADS)[number];

interface Sample {
  readonly tookMs: Record<Workload, number[]>;
  /** Log bytes of a transaction of one insert. */
  bytesEach: number | undefined;
}

async function measure({ open }: Leg, into: Sample | undefined): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'));
  const subject = await open(dir);
  for (const workload of WORKLOADS) {
    const before = subject.logBytes?.() ?? 0;
    const work = subject[workload];
    if (!work) continue;
    const ms = await timed(work);
    into?.tookMs[workload].push(ms);
    if (into && workload === 'oneByOne' && subject.logBytes)
      into.bytesEach = Math.round((subject.logBytes() - before) / transactions);
  }
  await subject.close();
  await rm(dir, { recursive: true });
}

const memory = watchMemory();
const samples = new Map<Leg, Sample>(
  LEGS.map((leg) => [leg, { tookMs: { inOne: [], oneByOne: [], atOnce: [] }, bytesEach: undefined }]),
);
for (let block = -WARM_UP_BLOCKS; block < blocks; block++)
  for (const leg of turns(LEGS, Math.abs(block)))
    await measure(leg, block < 0 ? undefined : samples.get(leg)!);

const rate = (count: number, ms: readonly number[]): string => {
  if (ms.length === 0) return '';
  const { min, p50, max } = summarize(ms.map((each) => perSecond(count, each)));
  return `${Math.round(p50)} (${Math.round(min)} to ${Math.round(max)})`;
};
console.log(
  `a second, the middle of ${blocks} blocks and the spread: inserts of ${ROW_BYTES} bytes, ${inserts} in one transaction; transactions of one insert, ${transactions} after one another and at once (log in memory)`,
);
console.table(
  Object.fromEntries(
    [...samples].map(([{ name }, { tookMs, bytesEach }]) => [
      name,
      {
        'inserts in one': rate(inserts, tookMs.inOne),
        'one by one': rate(transactions, tookMs.oneByOne),
        'at once': rate(transactions, tookMs.atOnce),
        'log bytes each': bytesEach ?? '',
      },
    ]),
  ),
);
const [bare, truncate, remove, node] = [...samples.values()] as [Sample, Sample, Sample, Sample];
const over = (workload: Workload, other: Sample, of = truncate): number =>
  middleRatio(of.tookMs[workload], other.tookMs[workload]);
await conclude({
  bench: 'sqlite',
  figures: {
    blocks,
    inserts,
    transactions,
    legs: Object.fromEntries([...samples].map(([{ name }, sample]) => [name, sample])),
    overNode: { inOne: over('inOne', node), oneByOne: over('oneByOne', node) },
    deleteOverPlain: { inOne: over('inOne', bare, remove), oneByOne: over('oneByOne', bare, remove) },
  },
  reaches: [
    {
      figure: 'one transaction, time over without recorder',
      measured: over('inOne', bare),
      bound: { atMost: REACH_IN_ONE },
    },
    {
      figure: 'transactions one by one, time over without recorder',
      measured: rounded(over('oneByOne', bare), 3),
      bound: { atMost: REACH_ONE_BY_ONE },
    },
  ],
  memory: memory.stop(),
  json,
});
