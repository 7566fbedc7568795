/**
 * envelope: what stands inside stateio payloads (seeds.md §5.2): version, kind, then index and term, which stateio itself has no place for.
 *
 * V1  Version byte first, kind second; a version or kind this code does not know is an error, never skipped.
 * V2  One entry carries one batch (F5.5): its commands have consecutive indexes from `first` on and stand or fall together.
 * V3  A no-op takes an index of its own; a primary's first entry is one, with its term.
 * V4  A batch in which nobody uses a session is written as before there were sessions.
 */
import { EnvelopeError } from './errors.ts';
import type { SessionCall } from './sessions.ts';
import { logIndex, logTerm, type LogIndex, type Term } from './types.ts';
import { ByteReader, ByteWriter } from './varint.ts';

const VERSION = 1;
/** Kinds of an update payload. 1 to 3 of seeds.md §5.2 (one command, or one step of a session, an entry) are not written: batches carry all of them. */
const UPDATE_BATCH = 4;
const UPDATE_NOOP = 5;
const UPDATE_SESSIONS = 6;
/** Kinds of a snapshot payload: the state; the state and files beside it; no state, since the machine's own files have it; the state, whatever is there. */
const SNAPSHOT_INLINE = 1;
const SNAPSHOT_MANIFEST = 2;
const SNAPSHOT_DUMMY = 3;
const SNAPSHOT_FORCED = 4;
/** Forms of a command in a batch with sessions. */
const FORMS = ['request', 'update', 'register', 'unregister'] as const;

/** A command, and how it is applied at most once: under a request id, or as a step of a session. Neither (no session, empty id): as often as it comes. */
export interface Command {
  readonly requestId: Uint8Array;
  readonly cmd: Uint8Array;
  readonly session?: SessionCall;
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
  const out = new ByteWriter().byte(VERSION);
  if (update.kind === 'noop') return out.byte(UPDATE_NOOP).number(update.term).number(update.first).finish();
  const { term, first, commands } = update;
  const withSessions = commands.some(({ session }) => session !== undefined);
  out.byte(withSessions ? UPDATE_SESSIONS : UPDATE_BATCH); // V4
  out.number(term).number(first).number(commands.length);
  for (const command of commands) {
    if (withSessions) putForm(out, command);
    else out.sized(command.requestId);
    out.sized(command.cmd);
  }
  return out.finish();
}

function putForm(out: ByteWriter, { requestId, session }: Command): void {
  out.byte(FORMS.indexOf(session?.kind ?? 'request'));
  if (session === undefined) return void out.sized(requestId);
  out.u64(session.clientId);
  if (session.kind === 'update') out.u64(session.series).u64(session.respondedTo);
}

/** @throws EnvelopeError (V1) */
export function decodeUpdate(payload: Uint8Array): UpdateEnvelope {
  const input = new ByteReader(payload);
  const kind = versionedKind(input);
  if (kind !== UPDATE_BATCH && kind !== UPDATE_NOOP && kind !== UPDATE_SESSIONS)
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
  for (let n = 0; n < count; n++)
    commands.push(
      kind === UPDATE_BATCH ? { requestId: input.sized(), cmd: input.sized() } : commandWithForm(input),
    );
  input.finish();
  return { kind: 'batch', term, first, commands };
}

function commandWithForm(input: ByteReader): Command {
  const number = input.byte();
  const form = FORMS[number];
  if (form === undefined) throw new EnvelopeError(`a command of unknown form ${number}`);
  if (form === 'request') return { requestId: input.sized(), cmd: input.sized() };
  const clientId = input.u64();
  const session: SessionCall =
    form === 'update'
      ? { kind: form, clientId, series: input.u64(), respondedTo: input.u64() }
      : { kind: form, clientId };
  return { requestId: new Uint8Array(0), session, cmd: input.sized() };
}

/** What stands in a snapshot before the machine's own bytes. */
export interface SnapshotHeader {
  /**
   * full: the machine's bytes follow. dummy: an on-disk machine has the state in its own files, and nothing follows (F4.10). forced: they follow and replace
   * whatever state there is, as after an import (F4.30).
   */
  readonly kind: 'full' | 'dummy' | 'forced';
  readonly term: Term;
  /** Last index the snapshot contains. */
  readonly index: LogIndex;
  /** What is remembered of clients as of that index; empty in a dummy, whose machine keeps that too. */
  readonly clients: Uint8Array;
  /** Names the files that belong to it; empty without. */
  readonly manifest: Uint8Array;
}

/** @returns the bytes that precede the machine's state */
export function encodeSnapshotHeader({ kind, term, index, clients, manifest }: SnapshotHeader): Uint8Array {
  const withFiles = manifest.length > 0 || kind === 'forced';
  const form =
    kind === 'dummy'
      ? SNAPSHOT_DUMMY
      : kind === 'forced'
        ? SNAPSHOT_FORCED
        : withFiles
          ? SNAPSHOT_MANIFEST
          : SNAPSHOT_INLINE;
  const out = new ByteWriter().byte(VERSION).byte(form).number(term).number(index);
  out.number(kind === 'dummy' ? index : 0).sized(clients); // on-disk index: a dummy stands for what the machine has committed
  return withFiles ? out.sized(manifest).finish() : out.finish();
}

const SNAPSHOT_KINDS: ReadonlyMap<number, SnapshotHeader['kind']> = new Map([
  [SNAPSHOT_INLINE, 'full'],
  [SNAPSHOT_MANIFEST, 'full'],
  [SNAPSHOT_DUMMY, 'dummy'],
  [SNAPSHOT_FORCED, 'forced'],
]);

/** A snapshot, opened: its header, and the machine's bytes as a stream to be read once. */
export interface OpenedSnapshot {
  readonly header: SnapshotHeader;
  readonly state: AsyncIterable<Uint8Array>;
}

/** Reads the header off the front of a snapshot and returns the machine's bytes as a stream. @throws EnvelopeError */
export async function openSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<OpenedSnapshot> {
  const input = new ChunkReader(chunks);
  const version = await input.byte();
  if (version !== VERSION) throw new EnvelopeError(`version ${version}`);
  const form = await input.byte();
  const kind = SNAPSHOT_KINDS.get(form);
  if (kind === undefined) throw new EnvelopeError(`snapshot of unknown kind ${form}`);
  const term = logTerm(await input.number());
  const index = logIndex(await input.number());
  const onDiskIndex = await input.number();
  if (onDiskIndex !== (kind === 'dummy' ? index : 0))
    throw new EnvelopeError(`a snapshot of index ${index} that names ${onDiskIndex} as on the disk`);
  const clients = await input.bytes(await input.number());
  const withFiles = form === SNAPSHOT_MANIFEST || form === SNAPSHOT_FORCED;
  const manifest = withFiles ? await input.bytes(await input.number()) : new Uint8Array(0);
  return { header: { kind, term, index, clients, manifest }, state: input.rest() };
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
