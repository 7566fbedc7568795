/**
 * envelope: what stands inside stateio payloads (seeds.md §5.2): version, kind, then index and term, which stateio itself has no place for.
 *
 * V1  Version byte first, kind second; a version or kind this code does not know is an error, never skipped.
 * V2  One entry carries one batch (F5.5): its commands have consecutive indexes from `first` on and stand or fall together.
 * V3  A no-op takes an index of its own; a primary's first entry is one, with its term.
 */
import { EnvelopeError } from './errors.ts';
import { logIndex, logTerm, type LogIndex, type Term } from './types.ts';
import { ByteReader, ByteWriter } from './varint.ts';

const VERSION = 1;
/** Kinds of an update payload. 1 to 3 of seeds.md §5.2 (single command, session register and unregister) are not written by this version. */
const UPDATE_BATCH = 4;
const UPDATE_NOOP = 5;
/** Kinds of a snapshot payload. 2 (manifest) and 3 (sessions only) are not written by this version. */
const SNAPSHOT_INLINE = 1;

/** A command with the request id under which it is applied at most once; empty means without. */
export interface Command {
  readonly requestId: Uint8Array;
  readonly cmd: Uint8Array;
}

export type UpdateEnvelope =
  | {
      readonly kind: 'batch';
      readonly term: Term;
      readonly first: LogIndex;
      readonly commands: readonly Command[];
    }
  | { readonly kind: 'noop'; readonly term: Term; readonly first: LogIndex };

/** Number of indexes an update takes. */
export function indexesOf(update: UpdateEnvelope): number {
  return update.kind === 'batch' ? update.commands.length : 1;
}

export function encodeUpdate(update: UpdateEnvelope): Uint8Array {
  const out = new ByteWriter().byte(VERSION).byte(update.kind === 'batch' ? UPDATE_BATCH : UPDATE_NOOP);
  out.number(update.term).number(update.first);
  if (update.kind === 'batch') {
    out.number(update.commands.length);
    for (const { requestId, cmd } of update.commands) out.sized(requestId).sized(cmd);
  }
  return out.finish();
}

/** @throws EnvelopeError (V1) */
export function decodeUpdate(payload: Uint8Array): UpdateEnvelope {
  const input = new ByteReader(payload);
  const kind = versionedKind(input);
  if (kind !== UPDATE_BATCH && kind !== UPDATE_NOOP)
    throw new EnvelopeError(`update of unknown kind ${kind}`);
  const term = logTerm(input.number());
  const first = logIndex(input.number());
  if (term === 0 || first === 0) throw new EnvelopeError('index and term start at 1');
  if (kind === UPDATE_NOOP) {
    input.finish();
    return { kind: 'noop', term, first };
  }
  const count = input.number();
  if (count === 0) throw new EnvelopeError('a batch without commands');
  const commands: Command[] = [];
  for (let n = 0; n < count; n++) commands.push({ requestId: input.sized(), cmd: input.sized() });
  input.finish();
  return { kind: 'batch', term, first, commands };
}

/** What stands in a snapshot before the machine's own bytes. */
export interface SnapshotHeader {
  readonly term: Term;
  /** Last index the snapshot contains. */
  readonly index: LogIndex;
  /** The request table as of that index. */
  readonly requests: Uint8Array;
}

/** @returns the bytes that precede the machine's state */
export function encodeSnapshotHeader({ term, index, requests }: SnapshotHeader): Uint8Array {
  const out = new ByteWriter().byte(VERSION).byte(SNAPSHOT_INLINE).number(term).number(index);
  return out.number(0).sized(requests).finish(); // 0: the on-disk index, which this kind of machine does not have
}

/** Reads the header off the front of a snapshot and returns the machine's bytes as a stream. @throws EnvelopeError */
export async function openSnapshot(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: SnapshotHeader; readonly state: AsyncIterable<Uint8Array> }> {
  const input = new ChunkReader(chunks);
  const kind = await input.byte();
  if (kind !== VERSION) throw new EnvelopeError(`version ${kind}`);
  const form = await input.byte();
  if (form !== SNAPSHOT_INLINE) throw new EnvelopeError(`snapshot of unknown kind ${form}`);
  const term = logTerm(await input.number());
  const index = logIndex(await input.number());
  if ((await input.number()) !== 0) throw new EnvelopeError('a snapshot of an on-disk machine');
  const requests = await input.bytes(await input.number());
  return { header: { term, index, requests }, state: input.rest() };
}

function versionedKind(input: ByteReader): number {
  const version = input.byte();
  if (version !== VERSION) throw new EnvelopeError(`version ${version}`);
  return input.byte();
}

/** Reads small things off the front of a stream of chunks. */
class ChunkReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async byte(): Promise<number> {
    return (await this.bytes(1))[0]!;
  }

  async number(): Promise<number> {
    const bytes: number[] = [];
    do bytes.push(await this.byte());
    while (bytes.at(-1)! >= 0x80);
    return new ByteReader(Uint8Array.from(bytes)).number();
  }

  async bytes(length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0;) {
      if (this.#chunk.length === 0 && !(await this.#fill()))
        throw new EnvelopeError('the snapshot ends too early');
      const part = this.#chunk.subarray(0, missing);
      this.#chunk = this.#chunk.subarray(part.length);
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    return parts.length === 1 && only ? only.slice() : new Uint8Array(Buffer.concat(parts));
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    do if (this.#chunk.length > 0) yield this.#chunk;
    while (await this.#fill());
  }

  async #fill(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#chunk = next.value;
    return true;
  }
}
