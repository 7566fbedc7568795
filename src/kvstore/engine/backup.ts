/**
 * Backups: a snapshot in an object store, in parts, and a manifest that says what they are.
 *
 *   kv-backup/part-000000 …   the snapshot's bytes, BACKUP_PART_BYTES each but the last
 *   kv-backup/manifest.json   {version, changeNumber, pairs, bytes, parts: [{bytes, sha256}]}
 *
 * U1  The manifest is created last: a place without one holds no backup, a place with one a whole backup.
 * U2  Nothing is overwritten: a place that holds a backup, or parts of one, is refused.
 * U3  A backup is not written into the recorded directory: each of its bytes would go through the log (seeds.md §5.6).
 */
import { realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import {
  backoffMs,
  equalBytes,
  fromUtf8,
  sha256Hex,
  utf8,
  type BackoffPolicy,
  type Clock,
  type Random,
} from '../../base/index.ts';
import { parseStoreUrl, type ObjectStore } from '../../store/index.ts';
import { BackupError } from './errors.ts';
import { BACKUP_PART_BYTES, BACKUP_TRIES } from './limits.ts';
import { type BackupReport, type SnapshotStream } from './types.ts';

const FOLDER = 'kv-backup';
const MANIFEST = `${FOLDER}/manifest.json`;
const VERSION = 1;
const PART_DIGITS = 6;

interface PartEntry {
  readonly bytes: number;
  readonly sha256: string;
}

interface Manifest extends BackupReport {
  readonly version: number;
  readonly parts: readonly PartEntry[];
}

export interface BackupCall {
  readonly url: string;
  readonly store: ObjectStore;
  readonly snapshot: () => Promise<SnapshotStream>;
  readonly recordedDir: string | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal | undefined;
}

/** @throws BackupError (U2, U3), StoreError, the signal's reason */
export async function writeBackup(call: BackupCall): Promise<BackupReport> {
  const { url, store, recordedDir, signal } = call;
  if (recordedDir !== undefined) await refuseRecorded(url, recordedDir);
  if (await store.head(MANIFEST, { signal }))
    throw new BackupError(url, 'is there already; name another place');
  const snapshot = await call.snapshot();
  const { changeNumber, pairs } = snapshot;
  const parts: PartEntry[] = [];
  let bytes = 0;
  try {
    for await (const part of partsOf(snapshot.chunks)) {
      signal?.throwIfAborted();
      await createObject(call, partKey(parts.length), part);
      parts.push({ bytes: part.length, sha256: sha256Hex(part) });
      bytes += part.length;
    }
  } finally {
    snapshot.close();
  }
  const manifest: Manifest = { version: VERSION, changeNumber, pairs, bytes, parts };
  await createObject(call, MANIFEST, utf8(JSON.stringify(manifest))); // U1
  return { changeNumber, pairs, bytes };
}

/** U3 */
async function refuseRecorded(url: string, recordedDir: string): Promise<void> {
  const location = parseStoreUrl(url);
  if (location.scheme !== 'file') return;
  const real = (path: string): Promise<string> => realpath(path).catch(() => resolve(path)); // what is not there cannot be a link
  const place = `${await real(location.path)}${sep}`;
  if (place.startsWith(`${await real(recordedDir)}${sep}`))
    throw new BackupError(
      url,
      'would be in the recorded directory, whose every byte goes through the log; name a place outside',
    );
}

function partKey(n: number): string {
  return `${FOLDER}/part-${String(n).padStart(PART_DIGITS, '0')}`;
}

async function* partsOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    bytes += chunk.length;
    if (bytes < BACKUP_PART_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pieces);
}

const RETRIES: BackoffPolicy = { firstMs: 200, factor: 2, capMs: 5_000, jitter: 0.5 };

/** Creates an object, whatever became of answers that were lost. @throws BackupError (U2), StoreError, the signal's reason */
async function createObject(call: BackupCall, key: string, body: Uint8Array): Promise<void> {
  const { url, store, clock, random, signal } = call;
  for (let tried = 1; ; tried++) {
    const outcome = await store.create(key, body, { signal });
    if (outcome.kind === 'created') return;
    if (outcome.kind === 'refused') throw outcome.cause;
    if (outcome.kind === 'exists') {
      const found = await store.get(key, { signal }); // ours, when an earlier answer was lost
      if (found && equalBytes(found.body, body)) return;
      throw new BackupError(url, 'holds a part of another backup already; name another place');
    }
    if (tried >= BACKUP_TRIES) throw outcome.cause;
    await clock.sleep(backoffMs(RETRIES, tried - 1, random), signal);
  }
}

/** A backup that is there. */
export class BackupReader {
  readonly #url: string;
  readonly #store: ObjectStore;
  readonly #manifest: Manifest;

  private constructor(url: string, store: ObjectStore, manifest: Manifest) {
    this.#url = url;
    this.#store = store;
    this.#manifest = manifest;
  }

  /** @throws BackupError, StoreError */
  static async open(url: string, store: ObjectStore, signal: AbortSignal | undefined): Promise<BackupReader> {
    const found = await store.get(MANIFEST, { signal });
    if (!found) throw new BackupError(url, 'is not there, or was not finished');
    return new BackupReader(url, store, manifestIn(url, found.body));
  }

  get report(): BackupReport {
    const { changeNumber, pairs, bytes } = this.#manifest;
    return { changeNumber, pairs, bytes };
  }

  /** The snapshot's bytes, each part checked before it is handed on. @throws BackupError, StoreError, the signal's reason */
  async *chunks(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for (const [n, { bytes, sha256 }] of this.#manifest.parts.entries()) {
      const found = await this.#store.get(partKey(n), { signal });
      if (!found) throw new BackupError(this.#url, `has lost part ${n}`);
      if (found.body.length !== bytes || sha256Hex(found.body) !== sha256)
        throw new BackupError(this.#url, `is damaged in part ${n}`);
      yield found.body;
    }
  }
}

/** @throws BackupError */
function manifestIn(url: string, body: Uint8Array): Manifest {
  let manifest: unknown;
  try {
    manifest = JSON.parse(fromUtf8(body));
  } catch (error) {
    throw new BackupError(url, 'has a manifest that is not JSON', error);
  }
  const { version, changeNumber, pairs, bytes, parts } = fieldsOf(manifest);
  if (version !== VERSION) throw new BackupError(url, `is of version ${String(version)}, not ${VERSION}`);
  if (!isCount(changeNumber) || !isCount(pairs) || !isCount(bytes) || !Array.isArray(parts))
    throw new BackupError(url, 'has a manifest without its fields');
  return { version, changeNumber, pairs, bytes, parts: parts.map((part) => partIn(url, part)) };
}

/** @throws BackupError */
function partIn(url: string, part: unknown): PartEntry {
  const { bytes, sha256 } = fieldsOf(part);
  if (!isCount(bytes) || typeof sha256 !== 'string')
    throw new BackupError(url, 'has a manifest whose parts lack their fields');
  return { bytes, sha256 };
}

/** Of a thing that may be anything: what is no object has none. */
function fieldsOf(thing: unknown): Readonly<Record<string, unknown>> {
  return typeof thing === 'object' && thing !== null ? { ...thing } : {};
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
