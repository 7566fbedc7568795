/**
 * One read of a whole compacted journal onto a disk, in a process of its own so that its memory is its own: run with a task as JSON in argv, answers
 * with a result as JSON on stdout. Credentials come from the environment.
 *
 * 1. The clock runs from the first request of the copy to the last write; starting Node and loading the client do not count, nor does one request before
 *    them with which the client loads the rest of itself.
 * 2. Every leg writes everything to the directory it is given, and none syncs it unless it is told to: then that has a time of its own. The journal's checks the digests of what it reads; the bare one checks
 *    nothing, and is what parallel GETs can come to at best.
 * 3. A leg that did not get all the bytes fails: it has no figure.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import type { S3Server } from '../../e2e/cluster/s3-server.ts';
import { JournalReader, type Journal } from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { CompactedJournal } from './compacted.ts';
import { PORTS, timed } from './journal.ts';
import { watchMemory, type PeakMemory } from './report.ts';
import { signedGetHeaders } from './signed-get.ts';

export interface ReadTask {
  readonly leg: 'bare' | 'journal';
  /** Store URL, and the same server as a plain client wants it. */
  readonly url: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly journal: CompactedJournal;
  /** Where the content goes; exists and is empty. */
  readonly directory: string;
  /** GETs at a time of the bare leg. */
  readonly parallel: number;
  /** Sync the content once it is written (2). */
  readonly sync?: boolean;
}

export interface ReadResult {
  readonly tookMs: number;
  /** Until the content was synced too; as `tookMs` where nobody asked for that. */
  readonly syncedMs: number;
  readonly bytes: number;
  /** Of the whole process, starting it included. */
  readonly cpuMs: number;
  readonly memory: PeakMemory;
}

/** Bytes of one GET of the bare leg. */
const RANGE_BYTES = 8 * 1024 * 1024;
/** A system call for every 64 KiB that a socket gives would be most of the work. */
const WRITE_BYTES = 1024 * 1024;
/** File of either leg, with the whole content. */
export const CONTENT_FILE = 'content';

/** A file, written from its beginning: what comes in small pieces is gathered, and one write is under way beside the next pieces. */
class Sink {
  readonly #file: FileHandle;
  #gathered: Uint8Array[] = [];
  /** What is to be told when the gathered pieces are written. */
  #done: (() => void)[] = [];
  #bytes = 0;
  #pending: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async take(piece: Uint8Array, done: () => void = () => undefined): Promise<void> {
    this.#gathered.push(piece);
    this.#done.push(done);
    this.#bytes += piece.length;
    if (this.#bytes >= WRITE_BYTES) await this.#write();
  }

  async #write(): Promise<void> {
    const [pieces, done] = [this.#gathered, this.#done];
    this.#gathered = [];
    this.#done = [];
    this.#bytes = 0;
    await this.#pending;
    this.#pending = this.#file.writev(pieces).then(() => done.forEach((tell) => tell()));
    this.#pending.catch(() => undefined); // met again by whoever writes or closes next
  }

  async close(): Promise<void> {
    if (this.#bytes > 0) await this.#write();
    await this.#pending;
    await this.#file.close();
  }
}

/**
 * The bare script: signed GETs of ranges, so many at a time over kept connections, each written to its place as it comes. No digests. Returns the bytes
 * read.
 */
async function readBare({ endpoint, bucket, journal, directory, parallel }: ReadTask): Promise<number> {
  const { AWS_ACCESS_KEY_ID: id = '', AWS_SECRET_ACCESS_KEY: secret = '' } = process.env;
  const pool = new Pool(endpoint, { connections: parallel });
  const { host } = new URL(endpoint);
  const file = await open(join(directory, CONTENT_FILE), 'wx');
  const ranges = journal.fragments.flatMap(({ key, begin, end }) =>
    Array.from({ length: Math.ceil((end - begin) / RANGE_BYTES) }, (_, i) => ({
      path: `/${bucket}/${key}`,
      at: begin + i * RANGE_BYTES,
      start: i * RANGE_BYTES,
      end: Math.min(end - begin, (i + 1) * RANGE_BYTES),
    })),
  );
  let bytes = 0;
  const worker = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(RANGE_BYTES);
    for (let range = ranges.shift(); range; range = ranges.shift()) {
      const { path, at, start, end } = range;
      const headers = signedGetHeaders({ host, path, start, end }, id, secret);
      const { statusCode, body } = await pool.request({ method: 'GET', path, headers });
      if (statusCode !== 206) throw new Error(`status ${statusCode}: ${await body.text()}`);
      let length = 0;
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        buffer.set(chunk, length);
        length += chunk.length;
      }
      if (length !== end - start) throw new Error(`${length} bytes of ${end - start}`);
      await file.write(buffer, 0, length, at);
      bytes += length;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  await file.close();
  await pool.close();
  return bytes;
}

/**
 * Holdfast's own reader, from the beginning of the journal to its tail, into one file. The reader checks the digests of what it reads. Returns the
 * bytes read. @throws when the tail comes before all content did.
 */
export async function readJournal(journal: Journal, directory: string, expected: number): Promise<number> {
  const sink = new Sink(await open(join(directory, CONTENT_FILE), 'wx'));
  const reader = new JournalReader(journal, PORTS);
  let bytes = 0;
  for (let event = await reader.next(); event.kind !== 'tail'; event = await reader.next()) {
    if (event.kind === 'hole')
      throw new Error(`bytes ${event.begin} to ${event.end} are announced as pruned`);
    if (event.kind !== 'data') continue;
    bytes += event.bytes.length;
    await sink.take(event.bytes, event.done);
  }
  await sink.close();
  if (bytes !== expected)
    throw new Error(
      `the journal's reader came to its tail after ${bytes} bytes of ${expected}: it does not read these fragments`,
    );
  return bytes;
}

async function syncContent(directory: string): Promise<void> {
  const file = await open(join(directory, CONTENT_FILE), 'r+');
  await file.sync();
  await file.close();
}

/** Runs a leg in a process of its own. @throws when it did not get everything (3) */
export async function runReadLeg(
  server: S3Server,
  task: Omit<ReadTask, 'url' | 'endpoint' | 'bucket'>,
): Promise<ReadResult> {
  const { url, endpoint, bucket } = server;
  const argv = [import.meta.filename, JSON.stringify({ ...task, url, endpoint, bucket })];
  const env = { ...process.env, ...server.credentials() };
  const { stdout } = await promisify(execFile)(process.execPath, argv, { env });
  return JSON.parse(stdout) as ReadResult;
}

/** All content is there: as many bytes, and where it is one file, the digest of every range. @throws when it is not */
export async function checkContent(directory: string, journal: CompactedJournal): Promise<void> {
  let total = 0;
  for (const name of await readdir(directory)) total += (await stat(join(directory, name))).size;
  if (total !== journal.bytes) throw new Error(`${total} bytes of ${journal.bytes} came to the disk`);
  if (!(await readdir(directory)).includes(CONTENT_FILE)) return;
  for (const { key, begin, end, sha1 } of journal.fragments) {
    const hash = createHash('sha1');
    for await (const chunk of createReadStream(join(directory, CONTENT_FILE), { start: begin, end: end - 1 }))
      hash.update(chunk as Uint8Array);
    if (hash.digest('hex') !== sha1) throw new Error(`what was read of ${key} is not its content`);
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 1000);
}

/** Reads as the task says, and takes the time (1). */
async function read(task: ReadTask): Promise<{ readonly bytes: number; readonly tookMs: number }> {
  if (task.leg === 'bare') return await timedRead(() => readBare(task));
  const store = openStore(task.url);
  try {
    const { name, generation, bytes } = task.journal;
    await store.head(task.journal.fragments[0]!.key);
    return await timedRead(() => readJournal({ store, name, generation }, task.directory, bytes));
  } finally {
    await store.close();
  }
}

async function timedRead(
  work: () => Promise<number>,
): Promise<{ readonly bytes: number; readonly tookMs: number }> {
  const startMs = performance.now();
  const bytes = await work();
  return { bytes, tookMs: performance.now() - startMs };
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]!) as ReadTask;
  const watch = watchMemory();
  const { bytes, tookMs } = await read(task);
  const syncMs = task.sync ? await timed(() => syncContent(task.directory)) : 0;
  const result: ReadResult = {
    tookMs,
    syncedMs: tookMs + syncMs,
    bytes,
    cpuMs: cpuMs(),
    memory: watch.stop(),
  };
  process.stdout.write(JSON.stringify(result));
}
