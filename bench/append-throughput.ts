/**
 * Append throughput of one journal, batches of 4 MiB, against its floor: a plain S3 client that PUTs the same bytes one after another to the
 * same server, without a condition, a header or a checksum of its own. Holdfast's store adapter alone is the third leg: it tells
 * what the client costs and what the journal costs. The three take turns in blocks.
 *
 *   npm run bench -- append-throughput [--blocks N] [--batches N] [--mib N] [--json FILE]
 */
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Server } from '../e2e/cluster/s3-server.ts';
import { systemRandom } from '../src/base/index.ts';
import type { ObjectStore } from '../src/store/index.ts';
import { openAtTail, timed, withS3, withStore } from './support/journal.ts';
import { benchArguments, conclude, watchMemory } from './support/report.ts';
import { mibPerSecond, middleRatio, summarize, turns } from './support/stats.ts';

const { blocks, batches, mib, json } = benchArguments({ blocks: 12, batches: 12, mib: 4 });
const WARM_UP_BLOCKS = 2;
const bytes = mib * 1024 * 1024;
/** Different batches, so that nothing on the way can profit from having seen one. */
const bodies = Array.from({ length: batches }, () => systemRandom.bytes(bytes));

interface Leg {
  readonly name: string;
  /** Writes every body once; resolves when the last is durable. */
  readonly write: (block: number) => Promise<void>;
}

function plainClient(server: S3Server): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: server,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

function putsOf(client: S3Client, Bucket: string): Leg['write'] {
  return async (block) => {
    for (const [i, Body] of bodies.entries())
      await client.send(new PutObjectCommand({ Bucket, Key: `plain/${block}-${i}`, Body }));
  };
}

function createsOf(store: ObjectStore): Leg['write'] {
  return async (block) => {
    for (const [i, body] of bodies.entries()) {
      const outcome = await store.create(`created/${block}-${i}`, body);
      if (outcome.kind !== 'created') throw new Error(`a create came to ${outcome.kind}`);
    }
  };
}

async function measure(legs: readonly Leg[]): Promise<ReadonlyMap<string, number[]>> {
  const tookMs = new Map<string, number[]>(legs.map((leg) => [leg.name, []]));
  for (let block = -WARM_UP_BLOCKS; block < blocks; block++) {
    for (const leg of turns(legs, Math.abs(block))) {
      const ms = await timed(() => leg.write(block));
      if (block >= 0) tookMs.get(leg.name)!.push(ms);
    }
  }
  return tookMs;
}

const { took, memory } = await withS3((server) =>
  withStore(server, async (store) => {
    const client = plainClient(server);
    const session = await openAtTail(
      { store, name: 'bench/append-throughput', generation: 'g1' },
      { maxBatchBytes: bytes },
    );
    const append: Leg['write'] = async () => {
      let last = Promise.resolve();
      for (const body of bodies) {
        await session.whenWritable();
        last = session.append(body).committed;
      }
      await last;
    };
    const watch = watchMemory();
    const legs = [
      { name: 'plain PUTs', write: putsOf(client, server.bucket) },
      { name: 'creates of the store adapter', write: createsOf(store) },
      { name: 'appends to the journal', write: append },
    ];
    const took = await measure(legs);
    await session.close();
    client.destroy();
    return { took, memory: watch.stop() };
  }),
);

const [plain, created, appended] = [...took.values()] as [number[], number[], number[]];
const blockBytes = bytes * batches;
const rows = [...took].map(([name, ms]) => {
  const total = ms.reduce((sum, each) => sum + each, 0);
  return [name, { 'MiB/s': mibPerSecond(blockBytes * ms.length, total), 'block ms p50': summarize(ms).p50 }];
});
console.log(
  `append throughput, batches of ${mib} MiB random bytes, ${blocks} blocks of ${batches} each (versitygw on loopback)`,
);
console.table(Object.fromEntries(rows));
const ratio = middleRatio(plain, appended);
await conclude({
  bench: 'append-throughput',
  figures: {
    bytes,
    blocks,
    batches,
    tookMs: Object.fromEntries(took),
    overAdapter: middleRatio(created, appended),
    adapterOverPlain: middleRatio(plain, created),
  },
  reaches: [{ figure: 'throughput over plain PUTs', measured: ratio, bound: { atLeast: 0.9 } }],
  memory,
  json,
});
