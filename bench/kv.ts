/**
 * The key-value service against a single etcd on the same disk: puts and linearizable gets of so many clients, each asking again as soon as it is answered. Ours
 * acknowledges a put when it is in the object store (a real S3 server on a directory of this disk); etcd when its log is synced. That server leaves syncing to the
 * operating system, so ours also runs on a plain directory, where every object is synced before it counts.
 *
 * Both are asked in two ways. As callers of one program, who share its client: etcd's shares one connection (gRPC), ours sends what has gathered in one request. And
 * with a connection a client: etcd by gRPC and through its JSON gateway, ours by a request of HTTP each. The reach is above the fastest etcd there is, with the
 * fastest of ours; beside it stand the ratios like by like. The generator is one program (support/load), in a process of its own a leg. The legs take turns
 * in blocks, and the disk is quiet before each.
 *
 *   npm run bench -- kv [--clients N] [--bytes N] [--keys N] [--blocks N] [--seconds N] [--profile DIR] [--json FILE]
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { S3Server } from '../e2e/cluster/s3-server.ts';
import { startEtcd, type EtcdPeer } from './support/etcd-peer.ts';
import { withS3 } from './support/journal.ts';
import { fillEtcd, fillHoldfast } from './support/kv-fill.ts';
import { startKvHost, type KvHost } from './support/kv-host.ts';
import { runFor, startLoad, type Load, type LoadTask } from './support/load/load-leg.ts';
import type { Interface, Operation } from './support/load/requests.ts';
import { processCpuMs } from './support/process-cpu.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { middleRatio, perSecond, rounded, summarize, turns } from './support/stats.ts';

const { clients, bytes, keys, blocks, seconds, profile, json } = benchArguments({
  clients: 100,
  bytes: 100,
  keys: 10_000,
  blocks: 7,
  seconds: 3,
  profile: '',
});
/** What is compiled while it runs is compiled by then. */
const WARM_UP_BLOCKS = 3;
const OPERATIONS: readonly Operation[] = ['put', 'get'];

/** Whose processor time is told, beside that of the clients. */
interface Served {
  readonly service: () => number;
  readonly store: (() => number) | undefined;
}

interface Leg extends Served {
  readonly name: string;
  /** disk: ours on a plain directory, beside the comparison. */
  readonly side: 'holdfast' | 'disk' | 'etcd';
  /** Whether the clients are callers of one program. */
  readonly isShared: boolean;
  readonly load: Load;
  readonly blocks: Readonly<Record<Operation, Block[]>>;
}

interface Block {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the processor, µs a request. */
  readonly cpu: { readonly service: number; readonly store: number; readonly clients: number };
}

async function legOf(
  name: string,
  {
    port,
    spoken,
    connections = clients,
  }: { readonly port: number; readonly spoken: Interface; readonly connections?: number },
  side: Leg['side'],
  served: Served,
): Promise<Leg> {
  const task: LoadTask = { interface: spoken, port, clients, connections, keys, valueBytes: bytes };
  return {
    name,
    side,
    isShared: connections < clients,
    load: await startLoad(task),
    blocks: { put: [], get: [] },
    ...served,
  };
}

async function measure(leg: Leg, operation: Operation): Promise<Block> {
  await promisify(execFile)('sync');
  const cpuMs = (): readonly number[] =>
    [leg.service(), leg.store?.()].map((pid) => (pid === undefined ? 0 : processCpuMs(pid)));
  const before = cpuMs();
  const { latenciesMs, tookMs, cpuMs: ownCpuMs } = await runFor(leg.load, operation, seconds);
  const [service, store] = cpuMs().map((now, n) => now - before[n]!) as [number, number];
  const count = latenciesMs.length;
  const { p50, p99 } = summarize([...latenciesMs]);
  const each = (ms: number): number => Math.round((ms * 1000) / count);
  const cpu = { service: each(service), store: each(store), clients: each(ownCpuMs) };
  return { perSecond: perSecond(count, tookMs), p50, p99, cpu };
}

async function hostOn(storeUrl: string, scratch: string, env: Record<string, string>): Promise<KvHost> {
  const task = {
    storeUrl,
    journal: 'bench/kv',
    directory: join(scratch, 'data'),
    hintsFile: join(scratch, 'hints.json'),
    term: 1,
  };
  return await startKvHost(task, { env, profile: profile === '' ? undefined : profile });
}

interface Servers {
  readonly s3: S3Server;
  readonly onS3: KvHost;
  readonly onDirectory: KvHost;
  readonly etcd: EtcdPeer;
}

async function legsOn({ s3, onS3, onDirectory, etcd }: Servers): Promise<readonly Leg[]> {
  const ofEtcd: Served = { service: () => etcd.pid(), store: undefined };
  const ours: Served = { service: () => onS3.pid, store: () => s3.pid() };
  const alone: Served = { service: () => onDirectory.pid, store: undefined };
  const ofS3 = { port: onS3.port, spoken: 'holdfast' } as const;
  const inBulk = { spoken: 'holdfast-bulk', connections: 1 } as const;
  const grpc = { port: etcd.port, spoken: 'etcd-grpc' } as const;
  return [
    await legOf('holdfast, S3, one program', { ...inBulk, port: onS3.port }, 'holdfast', ours),
    await legOf('holdfast, S3, a connection each', ofS3, 'holdfast', ours),
    await legOf(
      'holdfast, synced directory, one program',
      { ...inBulk, port: onDirectory.port },
      'disk',
      alone,
    ),
    await legOf(
      'holdfast, synced directory, a connection each',
      { ...ofS3, port: onDirectory.port },
      'disk',
      alone,
    ),
    await legOf('etcd, gRPC, one program', { ...grpc, connections: 1 }, 'etcd', ofEtcd),
    await legOf('etcd, gRPC, a connection each', grpc, 'etcd', ofEtcd),
    await legOf('etcd, JSON gateway, a connection each', { ...grpc, spoken: 'etcd-json' }, 'etcd', ofEtcd),
  ];
}

async function measureAll(legs: readonly Leg[]): Promise<void> {
  for (let block = -WARM_UP_BLOCKS; block < blocks; block++)
    for (const operation of OPERATIONS)
      for (const leg of turns(legs, Math.abs(block))) {
        const done = await measure(leg, operation);
        if (block >= 0) leg.blocks[operation].push(done);
      }
}

/** Everything at once on a scratch directory of the disk that the servers have theirs on; nothing of it is left. */
async function run(s3: S3Server): Promise<{ readonly legs: readonly Leg[]; readonly etcdLine: string }> {
  const scratch = await mkdtemp(join(tmpdir(), 'holdfast-kv-'));
  const [one, two] = [join(scratch, 's3'), join(scratch, 'directory')];
  const store = join(two, 'store');
  await mkdir(store, { recursive: true });
  const etcd = await startEtcd();
  const hosts: KvHost[] = [];
  let legs: readonly Leg[] = [];
  try {
    for (const [url, dir] of [
      [s3.url, one],
      [`file://${store}`, two],
    ] as const)
      hosts.push(await hostOn(url, dir, s3.credentials()));
    const [onS3, onDirectory] = hosts as [KvHost, KvHost];
    for (const { port } of hosts) await fillHoldfast({ port, keys, valueBytes: bytes });
    await fillEtcd({ port: etcd.port, keys, valueBytes: bytes });
    legs = await legsOn({ s3, onS3, onDirectory, etcd });
    await measureAll(legs);
    const { count, seconds: inSyncs } = await etcd.syncs();
    const etcdLine = `etcd ${etcd.version}: ${count} syncs of its log, ${rounded((inSyncs / count) * 1000, 2)} ms each`;
    for (const host of hosts.splice(0)) await host.stop();
    return { legs, etcdLine };
  } finally {
    for (const { load } of legs) load.kill();
    for (const host of hosts) host.kill();
    await etcd.stop();
    await rm(scratch, { recursive: true, force: true });
  }
}

const rates = (leg: Leg, operation: Operation): number[] =>
  leg.blocks[operation].map((block) => block.perSecond);
const middle = (values: readonly number[]): number => summarize(values).p50;

function table(legs: readonly Leg[], operation: Operation): void {
  console.log(
    `${operation === 'put' ? 'acknowledged puts' : 'linearizable gets'}: ${clients} clients, ${bytes} bytes, ${keys} keys; middle of ${blocks} blocks of ${seconds} s`,
  );
  const rows = legs.map((leg) => {
    const own = leg.blocks[operation];
    const { p50, min, max } = summarize(rates(leg, operation));
    const of = (figure: (block: Block) => number, decimals: number): number =>
      rounded(middle(own.map(figure)), decimals);
    return [
      leg.name,
      {
        'a second': `${Math.round(p50)} (${Math.round(min)} to ${Math.round(max)})`,
        'ms p50': of((block) => block.p50, 2),
        'ms p99': of((block) => block.p99, 2),
        'µs service': of((block) => block.cpu.service, 0),
        'µs store': leg.store ? of((block) => block.cpu.store, 0) : '',
        'µs clients': of((block) => block.cpu.clients, 0),
      },
    ];
  });
  console.table(Object.fromEntries(rows));
}

const watch = watchMemory();
const { legs, etcdLine } = await withS3(run);
for (const operation of OPERATIONS) table(legs, operation);
console.log(`µs: of the processor, a request. ${etcdLine}`);
/** The fastest of one side; of its legs of one kind, when one is named. */
const fastest = (operation: Operation, side: Leg['side'], isShared?: boolean): Leg =>
  legs
    .filter((leg) => leg.side === side && (isShared === undefined || leg.isShared === isShared))
    .reduce((best, leg) => (middle(rates(leg, operation)) > middle(rates(best, operation)) ? leg : best));
const over = (operation: Operation, side: 'holdfast' | 'disk', isShared?: boolean): number =>
  middleRatio(
    rates(fastest(operation, side, isShared), operation),
    rates(fastest(operation, 'etcd', isShared), operation),
  );
const WAYS = [
  { way: 'fastest over fastest', isShared: undefined },
  { way: 'callers of one program', isShared: true },
  { way: 'a connection each', isShared: false },
] as const;
await conclude({
  bench: 'kv',
  figures: {
    clients,
    bytes,
    keys,
    blocks,
    seconds,
    legs: Object.fromEntries(legs.map((leg) => [leg.name, leg.blocks])),
    syncedOverEtcd: Object.fromEntries(OPERATIONS.map((operation) => [operation, over(operation, 'disk')])),
  },
  reaches: OPERATIONS.flatMap((operation) =>
    WAYS.map(({ way, isShared }) => ({
      figure: `${operation === 'put' ? 'acknowledged puts' : 'linearizable gets'} a second over etcd, ${way}`,
      measured: over(operation, 'holdfast', isShared),
      bound: { above: 1 },
    })),
  ),
  memory: watch.stop(),
  json,
});
