/**
 * One read of a whole compacted journal onto a disk, in a process of its own so that its memory is its own: run with a task as JSON in argv, answers
 * with a result as JSON on stdout. Credentials come from the environment.
 *
 * 1. The clock runs from the first request to the last write; starting Node and loading the client do not count.
 * 2. Every leg checks the digest of everything that it reads, and writes everything to the directory it is given.
 * 3. A leg that did not get all the bytes fails: it has no figure.
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { JournalReader, type Journal } from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import type { CompactedJournal } from './compacted.ts';
import { PORTS } from './journal.ts';
import { watchMemory, type PeakMemory } from './report.ts';

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
}

export interface ReadResult {
  readonly tookMs: number;
  readonly bytes: number;
  readonly memory: PeakMemory;
}

/** A system call for every 64 KiB that a socket gives would be most of the work. */
const WRITE_BYTES = 1024 * 1024;
/** File of the journal leg, with the whole content. */
export const CONTENT_FILE = 'content';

/** A file, written from its beginning: what comes in small pieces is gathered, and one write is under way beside the next pieces. */
class Sink {
  readonly #file: FileHandle;
  #gathered: Uint8Array[] = [];
  #bytes = 0;
  #pending: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async take(piece: Uint8Array): Promise<void> {
    this.#gathered.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= WRITE_BYTES) await this.#write();
  }

  async #write(): Promise<void> {
    const pieces = this.#gathered;
    this.#gathered = [];
    this.#bytes = 0;
    await this.#pending;
    this.#pending = this.#file.writev(pieces);
    this.#pending.catch(() => undefined); // met again by whoever writes or closes next
  }

  async close(): Promise<void> {
    if (this.#bytes > 0) await this.#write();
    await this.#pending;
    await this.#file.close();
  }
}

/** The bare script: whole fragments with the plain client, so many at a time, each to a file of its own. Returns the bytes read. */
async function readBare(task: ReadTask): Promise<number> {
  const client = new S3Client({
    endpoint: task.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const waiting = [...task.journal.fragments];
  let bytes = 0;
  const worker = async (): Promise<void> => {
    for (let fragment = waiting.shift(); fragment; fragment = waiting.shift()) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: task.bucket, Key: fragment.key }));
      if (!(Body instanceof Readable)) throw new Error('an answer without a body');
      const file = await open(join(task.directory, `${fragment.begin}`), 'wx');
      const hash = createHash('sha1');
      const sink = new Sink(file);
      for await (const chunk of Body as AsyncIterable<Uint8Array>) {
        hash.update(chunk);
        bytes += chunk.length;
        await sink.take(chunk);
      }
      await sink.close();
      if (hash.digest('hex') !== fragment.sha1) throw new Error(`the digest of ${fragment.key} is wrong`);
    }
  };
  await Promise.all(Array.from({ length: task.parallel }, worker));
  client.destroy();
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
    await sink.take(event.bytes);
  }
  await sink.close();
  if (bytes !== expected)
    throw new Error(
      `the journal's reader came to its tail after ${bytes} bytes of ${expected}: it does not read these fragments`,
    );
  return bytes;
}

async function read(task: ReadTask): Promise<number> {
  if (task.leg === 'bare') return await readBare(task);
  const store = openStore(task.url);
  try {
    const { name, generation, bytes } = task.journal;
    return await readJournal({ store, name, generation }, task.directory, bytes);
  } finally {
    await store.close();
  }
}

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]!) as ReadTask;
  const watch = watchMemory();
  const startMs = performance.now();
  const bytes = await read(task);
  const tookMs = performance.now() - startMs;
  const result: ReadResult = { tookMs, bytes, memory: watch.stop() };
  process.stdout.write(JSON.stringify(result));
}
