/**
 * The three workloads that Gazette's authors' code was measured with, as bytes of a log: what a bench plays where the original's own bytes are not at hand.
 */
import { crc32c } from '../../base/index.ts';
import { encodeFrame } from '../format/frame.ts';
import type { RecordedOp } from '../format/op.ts';

export type Workload = 'large' | 'small' | 'churn';

type Body = Omit<RecordedOp, 'seqNo' | 'checksum' | 'author'>;

const AUTHOR = 1234;
const BATCH_BYTES: number = 4 * 1024 * 1024;

/** Operations of one author from the beginning of a log, in batches. */
class LogWriter {
  #seqNo = 1;
  #checksum = 0;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  readonly batches: Uint8Array[] = [];

  /** Its sequence number: a file's identity when it creates one. */
  op(body: Body, data?: Uint8Array): number {
    const { frame, payload } = encodeFrame({
      seqNo: this.#seqNo,
      checksum: this.#checksum,
      author: AUTHOR,
      ...body,
    });
    this.#checksum = crc32c(payload, this.#checksum);
    for (const part of data ? [frame, data] : [frame]) {
      this.#parts.push(part);
      this.#bytes += part.length;
    }
    if (this.#bytes >= BATCH_BYTES) this.end();
    return this.#seqNo++;
  }

  end(): void {
    if (this.#bytes > 0) this.batches.push(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
  }
}

/** Writes of `length` to `files` files in turn, each behind the one before. */
function appends(
  log: LogWriter,
  files: number,
  writes: number,
  length: number,
  bytes: (n: number) => Uint8Array,
): void {
  const fnodes = Array.from({ length: files }, (_, i) => log.op({ create: { path: `/file-${i}` } }));
  for (let i = 0; i < writes; i++) {
    const offset = Math.floor(i / files) * length;
    log.op({ write: { fnode: fnodes[i % files]!, offset, length } }, bytes(length));
  }
}

/** Files that are made under one name and renamed over another, of which there are `names`. */
function renames(log: LogWriter, count: number, names: number): void {
  const live = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const [next, path] = ['/next', `/file-${i % names}`];
    const fnode = log.op({ create: { path: next } });
    const old = live.get(path);
    if (old !== undefined) log.op({ unlink: { fnode: old, path } });
    log.op({ link: { fnode, path } });
    log.op({ unlink: { fnode, path: next } });
    live.set(path, fnode);
  }
}

/** Operations of one author, as they stand in a log. */
export function opsLog(bodies: readonly { readonly body: Body; readonly data?: Uint8Array }[]): Uint8Array {
  const log = new LogWriter();
  for (const { body, data } of bodies) log.op(body, data);
  log.end();
  return Buffer.concat(log.batches);
}

/** Batches of whole operations. `scale`: of its size; `bytes`: content. */
export function workloadLog(
  workload: Workload,
  bytes: (length: number) => Uint8Array,
  scale = 1,
): readonly Uint8Array[] {
  const log = new LogWriter();
  const count = (full: number): number => Math.max(1, Math.round(full * scale));
  if (workload === 'large') appends(log, 16, count(4096), 65_536, bytes);
  else if (workload === 'small') appends(log, 200, count(200_000), 128, bytes);
  else renames(log, count(50_000), 100);
  log.end();
  return log.batches;
}
