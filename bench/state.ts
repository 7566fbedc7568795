/**
 * A key-value service with a million keys: how long it is from the beginning of its life with an empty directory to its first linearizable read, restored from a snapshot and
 * the puts behind it on a local store; and what a snapshot does to the puts that go on meanwhile, on a real S3 server.
 *
 * Beside the restore: copying the restored files, which nobody can do without, and an etcd with as many keys that starts on its own directory. Beside the snapshot: the
 * same of an etcd whose database is read through its snapshot call. The legs take turns in rounds.
 *
 *   npm run bench -- state [--keys N] [--bytes N] [--clients N] [--tail SECONDS] [--rounds N] [--seconds N] [--profile DIR] [--json FILE]
 */
import { cp, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { S3Server } from '../e2e/cluster/s3-server.ts';
import { startEtcd, type EtcdPeer } from './support/etcd-peer.ts';
import { timed, withS3 } from './support/journal.ts';
import { checkHoldfast, etcdAnswers, etcdSnapshot, fillEtcd, fillHoldfast } from './support/kv-fill.ts';
import { startKvHost, type KvHost, type KvHostTask } from './support/kv-host.ts';
import { runFor, startLoad, type Load } from './support/load/load-leg.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { middleRatio, perSecond, rounded, summarize, turns } from './support/stats.ts';

const { keys, bytes, clients, tail, rounds, seconds, profile, json } = benchArguments({
  keys: 1_000_000,
  bytes: 100,
  clients: 100,
  tail: 10,
  rounds: 5,
  seconds: 3,
  profile: '',
});
const MIB = 1024 * 1024;
const RESTORE_SECONDS = 5;
const P99_GROWTH = 2;

function taskIn(scratch: string, storeUrl: string): KvHostTask {
  return {
    storeUrl,
    journal: 'bench/state',
    directory: join(scratch, 'data'),
    hintsFile: join(scratch, 'hints.json'),
    term: 1,
  };
}

/** Runs `work` with a directory on the disk of this machine, and removes it. */
async function withScratch<T>(work: (scratch: string) => Promise<T>): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'holdfast-state-'));
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A service with all keys, a snapshot of them, and so many seconds of puts behind it; ended in good order. @returns the number of these puts */
async function prepare(task: KvHostTask): Promise<number> {
  const host = await startKvHost(task);
  try {
    await fillHoldfast({ port: host.port, keys, valueBytes: bytes });
    for (let n = 0; n < 2; n++) await host.checkpoint(); // the first may only have waited for one that began by itself, of fewer keys
    const load = await loadOf(host);
    const { latenciesMs } = await runFor(load, 'put', tail);
    load.kill();
    await host.stop();
    return latenciesMs.length;
  } finally {
    host.kill();
  }
}

const loadOf = (
  { port }: { readonly port: number },
  spoken: 'holdfast' | 'etcd-grpc' = 'holdfast',
): Promise<Load> =>
  startLoad({ interface: spoken, port, clients, connections: clients, keys, valueBytes: bytes });

interface Restores {
  readonly tailPuts: number;
  /** Of the restored files. */
  readonly bytes: number;
  readonly holdfastMs: readonly number[];
  readonly copyMs: readonly number[];
  readonly etcdMs: readonly number[];
  /** What the agent tells of the last one. */
  readonly status: unknown;
}

async function bytesBelow(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Each life is one more on the same log, with an empty directory. */
async function measureRestores(scratch: string, etcd: EtcdPeer): Promise<Restores> {
  const store = join(scratch, 'store');
  await mkdir(store);
  const first = taskIn(scratch, `file://${store}`);
  const tailPuts = await prepare(first);
  const took = { holdfastMs: [] as number[], copyMs: [] as number[], etcdMs: [] as number[] };
  let restoredBytes = 0;
  let status: unknown;
  let term = first.term;
  let latest = first.directory;
  const restore = async (): Promise<void> => {
    await rm(latest, { recursive: true, force: true });
    const directory = join(scratch, `data-${++term}`);
    const task = { ...first, directory, term };
    const host = await startKvHost(task, { profile: profile === '' ? undefined : profile });
    try {
      await checkHoldfast({ port: host.port, keys });
      await host.stop();
    } finally {
      host.kill();
    }
    took.holdfastMs.push(host.servingMs);
    [latest, status] = [directory, host.status];
    restoredBytes = await bytesBelow(directory);
  };
  const copy = async (): Promise<void> => {
    const target = join(scratch, 'copy');
    took.copyMs.push(await timed(() => cp(latest, target, { recursive: true })));
    await rm(target, { recursive: true });
  };
  const start = async (): Promise<void> => {
    await etcd.restart();
    took.etcdMs.push(await timed(() => etcdAnswers(etcd.port)));
  };
  for (let round = 0; round < rounds; round++)
    for (const leg of turns([restore, copy, start], round)) await leg();
  return { tailPuts, bytes: restoredBytes, status, ...took };
}

/** A service whose snapshot can be made at will. */
interface Snapshotted {
  readonly name: string;
  readonly load: Load;
  readonly snapshot: () => Promise<void>;
  readonly quiet: Block[];
  readonly meanwhile: Block[];
  readonly snapshotMs: number[];
}

interface Block {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function putsDuring(load: Load, work: () => Promise<unknown>): Promise<Block> {
  load.start('put');
  await work();
  const { latenciesMs, tookMs } = await load.stop();
  const { p50, p99 } = summarize([...latenciesMs]);
  return { perSecond: perSecond(latenciesMs.length, tookMs), p50, p99 };
}

async function measureSnapshots(services: readonly Snapshotted[]): Promise<void> {
  for (const { load } of services) await runFor(load, 'put', seconds); // warm
  for (let round = 0; round < rounds; round++)
    for (const each of turns(services, round)) {
      const { load, snapshot, quiet, meanwhile, snapshotMs } = each;
      quiet.push(await putsDuring(load, () => sleep(seconds * 1000)));
      const took = async (): Promise<void> => void snapshotMs.push(await timed(snapshot));
      meanwhile.push(await putsDuring(load, took));
    }
}

function snapshotted(name: string, load: Load, snapshot: () => Promise<void>): Snapshotted {
  return { name, load, snapshot, quiet: [], meanwhile: [], snapshotMs: [] };
}

async function measureWriting(
  scratch: string,
  s3: S3Server,
  etcd: EtcdPeer,
): Promise<readonly Snapshotted[]> {
  const options = { env: s3.credentials(), profile: profile === '' ? undefined : profile };
  const host: KvHost = await startKvHost(taskIn(scratch, s3.url), options);
  const loads: Load[] = [];
  try {
    await fillHoldfast({ port: host.port, keys, valueBytes: bytes });
    loads.push(await loadOf(host), await loadOf(etcd, 'etcd-grpc'));
    const services = [
      snapshotted('holdfast, S3', loads[0]!, () => host.checkpoint()),
      snapshotted('etcd, gRPC', loads[1]!, () => etcdSnapshot(etcd.port, keys * bytes)),
    ];
    await measureSnapshots(services);
    for (const load of loads) load.kill();
    await host.stop();
    return services;
  } finally {
    for (const load of loads) load.kill();
    host.kill();
  }
}

const growth = ({ meanwhile, quiet }: Snapshotted): number =>
  middleRatio(
    meanwhile.map((block) => block.p99),
    quiet.map((block) => block.p99),
  );

function tellRestores({ tailPuts, bytes: restored, holdfastMs, copyMs, etcdMs }: Restores): void {
  console.log(
    `${keys} keys of ${bytes} bytes, a snapshot and ${tailPuts} puts behind it, ${rounded(restored / MIB, 0)} MiB of files; middle of ${rounds} rounds`,
  );
  const row = (ms: readonly number[]): object => {
    const { p50, min, max } = summarize(ms.map((each) => each / 1000));
    return { seconds: rounded(p50, 2), from: rounded(min, 2), to: rounded(max, 2) };
  };
  console.table({
    'holdfast, from an empty directory to its first linearizable read': row(holdfastMs),
    'copying the restored files': row(copyMs),
    'etcd, on its own directory, to its first linearizable read': row(etcdMs),
  });
}

function tellWriting(services: readonly Snapshotted[]): void {
  console.log(`puts of ${clients} clients while a snapshot of ${keys} keys is written, and before`);
  const middle = (blocks: readonly Block[], figure: (block: Block) => number, decimals: number): number =>
    rounded(summarize(blocks.map(figure)).p50, decimals);
  const rows = services.map((each) => [
    each.name,
    {
      's a snapshot': rounded(summarize(each.snapshotMs).p50 / 1000, 2),
      'puts/s': middle(each.quiet, (block) => block.perSecond, 0),
      meanwhile: middle(each.meanwhile, (block) => block.perSecond, 0),
      'ms p50': middle(each.quiet, (block) => block.p50, 2),
      'meanwhile p50': middle(each.meanwhile, (block) => block.p50, 2),
      'ms p99': middle(each.quiet, (block) => block.p99, 2),
      'meanwhile p99': middle(each.meanwhile, (block) => block.p99, 2),
      'p99 grows': growth(each),
    },
  ]);
  console.table(Object.fromEntries(rows));
}

const watch = watchMemory();
const { restores, writing } = await withS3(async (s3) => {
  const etcd = await startEtcd();
  try {
    await fillEtcd({ port: etcd.port, keys, valueBytes: bytes });
    const writing = await withScratch((scratch) => measureWriting(scratch, s3, etcd));
    return { writing, restores: await withScratch((scratch) => measureRestores(scratch, etcd)) };
  } finally {
    await etcd.stop();
  }
});
tellRestores(restores);
tellWriting(writing);
await conclude({
  bench: 'state',
  figures: {
    keys,
    bytes,
    clients,
    restores,
    writing: Object.fromEntries(
      writing.map(({ name, quiet, meanwhile, snapshotMs }) => [name, { quiet, meanwhile, snapshotMs }]),
    ),
    etcdGrowth: growth(writing[1]!),
  },
  reaches: [
    {
      figure: `restore of ${keys} keys, s`,
      measured: rounded(summarize(restores.holdfastMs).p50 / 1000, 2),
      bound: { below: RESTORE_SECONDS },
    },
    {
      figure: 'p99 of puts while a snapshot is written, over p99 before',
      measured: growth(writing[0]!),
      bound: { below: P99_GROWTH },
    },
  ],
  memory: watch.stop(),
  json,
});
