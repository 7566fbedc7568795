/**
 * The journal as a bench meets it: a real S3 server or memory, a session at the tail.
 */
import { startS3Server, type S3Server } from '../../e2e/cluster/s3-server.ts';
import { ensureServers } from '../../e2e/tools/servers.ts';
import { systemClock, systemRandom, type Metrics } from '../../src/base/index.ts';
import {
  JournalReader,
  openSession,
  readStoreCounters,
  type Journal,
  type JournalCursor,
  type Session,
  type SessionOptions,
} from '../../src/journal/index.ts';
import { openStore, type ObjectStore } from '../../src/store/index.ts';

export const PORTS = { clock: systemClock, random: systemRandom };
const TERM = 1;
const AUTHOR = 1;

/** Runs `work` with a real S3 server on loopback that has an empty bucket, and removes both. */
export async function withS3<T>(work: (server: S3Server) => Promise<T>): Promise<T> {
  await ensureServers();
  const server = await startS3Server();
  try {
    return await work(server);
  } finally {
    await server.stop();
  }
}

/** Runs `work` with a client of that server, and closes it. */
export async function withStore<T>(server: S3Server, work: (store: ObjectStore) => Promise<T>): Promise<T> {
  const store = openStore(server.url, { credentials: server });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Reads to the tail; the state there. */
export async function readToTail(journal: Journal): Promise<JournalCursor> {
  const reader = new JournalReader(journal, PORTS);
  while ((await reader.next()).kind !== 'tail');
  return reader.cursor;
}

/** A session of the one author that benches know, behind everything that the journal has. */
export async function openAtTail(journal: Journal, options: Partial<SessionOptions> = {}): Promise<Session> {
  return await openBehind(journal, await readToTail(journal), options);
}

/** A session behind what was read. */
export function openBehind(
  journal: Journal,
  cursor: JournalCursor,
  options: Partial<SessionOptions> = {},
): Promise<Session> {
  return openSession(journal, { cursor, author: AUTHOR, term: TERM, options, ...PORTS });
}

/** Bytes that came from the stores which count in this registry, so far. */
export async function bytesRead(metrics: Metrics): Promise<number> {
  return readStoreCounters(await metrics.render()).bytesIn;
}

/** How long `work` takes, ms. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}
