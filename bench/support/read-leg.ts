/**
 * One read of a whole compacted journal onto a disk, in a process of its own so that its memory is its own: run with a task as JSON in argv, answers
 * with a result as JSON on stdout. Credentials come from the environment.
 *
 * 1. The clock runs from the first request to the last write; starting Node and loading the client do not count.
 * 2. Every leg checks the digest of everything that it reads, and writes everything to the directory it is given.
 * 3. A leg that did not get all the bytes fails: it has no figure.
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
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

/** File of the journal leg, with the whole content. */
export const CONTENT_FILE = 'content';

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
      let pending: Promise<unknown> = Promise.resolve();
      for await (const chunk of Body as AsyncIterable<Uint8Array>) {
        hash.update(chunk);
        bytes += chunk.length;
        await pending; // one write under way beside the next chunk
        pending = file.write(chunk);
      }
      await pending;
      await file.close();
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
  const file = await open(join(directory, CONTENT_FILE), 'wx');
  const reader = new JournalReader(journal, PORTS);
  let bytes = 0;
  let pending: Promise<unknown> = Promise.resolve();
  for (let event = await reader.next(); event.kind !== 'tail'; event = await reader.next()) {
    if (event.kind === 'hole')
      throw new Error(`bytes ${event.begin} to ${event.end} are announced as pruned`);
    if (event.kind !== 'data') continue;
    await pending;
    pending = file.write(event.bytes);
    bytes += event.bytes.length;
  }
  await pending;
  await file.close();
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
