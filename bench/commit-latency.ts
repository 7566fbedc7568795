/**
 * Commit latency through the journal at one writer, against its floor: a bare conditional PUT of the same size to the same store by the same
 * client, in the same run. The two take turns in blocks, so that both meet the same moments of the machine.
 *
 *   npm run bench -- commit-latency [--rounds N] [--bytes N] [--json FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startS3Server } from '../e2e/cluster/s3-server.ts';
import { systemClock, systemRandom } from '../src/base/index.ts';
import { JournalReader, openSession, type Session } from '../src/journal/index.ts';
import { openStore, type ObjectStore } from '../src/store/index.ts';
import { summarize, type Summary } from './support/stats.ts';

const BLOCK = 25;
const WARM_UP_BLOCKS = 8;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    bytes: { type: 'string', default: '16384' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const bytes = Number(values.bytes);

const body = systemRandom.bytes(bytes);
const ports = { clock: systemClock, random: systemRandom };

async function timed(work: () => Promise<unknown>, into: number[]): Promise<void> {
  const startMs = performance.now();
  await work();
  into.push(performance.now() - startMs);
}

async function measure(store: ObjectStore, session: Session): Promise<{ bare: Summary; journal: Summary }> {
  const bare: number[] = [];
  const journal: number[] = [];
  let key = 0;
  for (let block = 0; bare.length < rounds; block++) {
    if (block === WARM_UP_BLOCKS) bare.length = journal.length = 0;
    for (let i = 0; i < BLOCK; i++) await timed(() => store.create(`bare/${key++}`, body), bare);
    for (let i = 0; i < BLOCK; i++)
      await timed(() => session.append(body, { barrier: true }).committed, journal);
  }
  return { bare: summarize(bare), journal: summarize(journal) };
}

const server = await startS3Server();
const store = openStore(server.url, { credentials: server });
try {
  const journal = { store, name: 'bench/commit-latency', generation: 'g1' };
  const reader = new JournalReader(journal, ports);
  while ((await reader.next()).kind !== 'tail');
  const session = await openSession(journal, { cursor: reader.cursor, author: 1, term: 1, ...ports });
  const { bare, journal: commit } = await measure(store, session);
  await session.close();
  const ratio = { p50: commit.p50 / bare.p50, p99: commit.p99 / bare.p99 };
  const result = {
    bench: 'commit-latency',
    bytes,
    rounds: bare.count,
    bareMs: bare,
    commitMs: commit,
    ratio,
  };
  console.log(
    `commit latency, one writer, ${bytes} bytes, ${bare.count} rounds each (versitygw on loopback)`,
  );
  console.table({ 'bare conditional PUT': bare, 'commit through the journal': commit });
  console.log(`ratio p50 ${ratio.p50.toFixed(3)}, p99 ${ratio.p99.toFixed(3)}`);
  if (values.json) await writeFile(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
} finally {
  await store.close();
  await server.stop();
}
