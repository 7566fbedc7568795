/**
 * client-tables: all that is remembered of clients, as one part of the replicated state: in a snapshot, or as rows beside an on-disk machine's data.
 *
 * M1  Equal tables have equal bytes and equal hashes, whichever way they came: applied, from a snapshot, from rows.
 * M2  `changedRows` tells what has changed since it was asked last, so that the rows an on-disk machine has committed are the tables of its mark's index
 *     (seeds.md C5.10).
 */
import { createHash } from 'node:crypto';
import { EnvelopeError } from './errors.ts';
import { bytesOf, RequestTable } from './requests.ts';
import { SessionTable } from './sessions.ts';
import type { MarkRow } from './types.ts';
import { ByteReader, ByteWriter } from './varint.ts';

/** First byte of a row's key: what it holds. */
const BOUNDS = 0x42;
const RESULT = 0x48;
const REQUEST = 0x52;
const SESSION = 0x53;

/** Bytes of the keys of sessions and of their results. */
const SESSION_KEY_BYTES = 9;
const RESULT_KEY_BYTES = 17;

/** A row that has changed, by what it holds. */
type Changed =
  | { readonly kind: 'request'; readonly id: string }
  | { readonly kind: 'session'; readonly clientId: bigint }
  | { readonly kind: 'result'; readonly clientId: bigint; readonly series: bigint };

export class ClientTables {
  readonly requests: RequestTable;
  readonly sessions: SessionTable;
  /** By a name of the row; undefined when nobody will ask for rows. */
  readonly #changed: Map<string, Changed> | undefined;
  #boundsKept = false;

  /** @param forRows whether `changedRows` will be asked */
  constructor(forRows: boolean = false) {
    const changed = forRows ? new Map<string, Changed>() : undefined;
    this.#changed = changed;
    this.requests = new RequestTable(undefined, (id) => changed?.set(`R${id}`, { kind: 'request', id }));
    this.sessions = new SessionTable(undefined, (clientId, series) =>
      series === undefined
        ? changed?.set(`S${clientId}`, { kind: 'session', clientId })
        : changed?.set(`H${clientId}/${series}`, { kind: 'result', clientId, series }),
    );
  }

  /** For a snapshot. */
  save(): Uint8Array {
    const out = new ByteWriter();
    this.requests.save(out);
    this.sessions.save(out);
    return out.finish();
  }

  /**
   * Fills empty tables with what a snapshot of index `at` holds; one of a version before sessions has none.
   * @throws EnvelopeError when it is damaged or was saved with other bounds
   */
  load(saved: Uint8Array, at: number): void {
    const input = new ByteReader(saved);
    if (input.left === 0) return;
    this.requests.load(input, at);
    if (input.left > 0) this.sessions.load(input);
    input.finish();
  }

  /** SHA-256 over both, hex (M1). */
  hash(): string {
    return createHash('sha256').update(this.save()).digest('hex');
  }

  /** What has changed since the last call; all there is, in the first one (M2). */
  changedRows(): MarkRow[] {
    const rows: MarkRow[] = [];
    if (!this.#boundsKept) rows.push(this.#boundsRow());
    this.#boundsKept = true;
    for (const changed of this.#changed?.values() ?? []) rows.push(this.#row(changed));
    this.#changed?.clear();
    return rows;
  }

  /** Fills empty tables with all the rows of a mark. @throws EnvelopeError when one is damaged, or they were kept with other bounds */
  loadRows(rows: readonly MarkRow[]): void {
    const requests: { id: Uint8Array; used: number; value: ByteReader }[] = [];
    const sessions: { clientId: bigint; used: number; respondedTo: bigint }[] = [];
    const results: { clientId: bigint; series: bigint; value: ByteReader }[] = [];
    for (const { key, value } of rows) {
      if (value === undefined) throw new EnvelopeError('a row of the mark has no value');
      const input = new ByteReader(value);
      const keyBytes = new DataView(key.buffer, key.byteOffset, key.length);
      if (key[0] === REQUEST) requests.push({ id: key.subarray(1), used: input.number(), value: input });
      else if (key[0] === SESSION && key.length === SESSION_KEY_BYTES) {
        const used = input.number();
        sessions.push({ clientId: keyBytes.getBigUint64(1), used, respondedTo: input.u64() });
        input.finish();
      } else if (key[0] === RESULT && key.length === RESULT_KEY_BYTES)
        results.push({
          clientId: keyBytes.getBigUint64(1),
          series: keyBytes.getBigUint64(SESSION_KEY_BYTES),
          value: input,
        });
      else if (key[0] === BOUNDS) this.#checkBounds(input);
      else throw new EnvelopeError(`a row of the mark of unknown kind ${key[0] ?? 'none'}`);
    }
    for (const { id, used, value } of requests.toSorted((a, b) => a.used - b.used))
      this.requests.put(Buffer.from(id).toString('latin1'), used, resultIn(value));
    for (const { clientId, used, respondedTo } of sessions.toSorted((a, b) => a.used - b.used))
      this.sessions.put(clientId, used, respondedTo);
    for (const { clientId, series, value } of results)
      this.sessions.putResult(clientId, series, resultIn(value));
    this.#boundsKept = true;
    this.#changed?.clear();
  }

  #boundsRow(): MarkRow {
    const { requests, sessions } = this;
    const value = new ByteWriter().number(requests.bounds.requests).number(requests.bounds.resultBytes);
    value.number(sessions.bounds.sessions).number(sessions.bounds.resultBytes);
    return { key: Uint8Array.of(BOUNDS), value: value.finish() };
  }

  #checkBounds(input: ByteReader): void {
    this.requests.checkBounds({ requests: input.number(), resultBytes: input.number() });
    this.sessions.checkBounds({ sessions: input.number(), resultBytes: input.number() });
    input.finish();
  }

  #row(changed: Changed): MarkRow {
    if (changed.kind === 'request') {
      const key = Uint8Array.of(REQUEST, ...bytesOf(changed.id));
      const request = this.requests.get(changed.id);
      if (!request) return { key, value: undefined };
      if (!request.result) throw new EnvelopeError('a request without a result');
      const { value, data } = request.result;
      return { key, value: new ByteWriter().number(request.used).number(value).sized(data).finish() };
    }
    const { clientId } = changed;
    if (changed.kind === 'session') {
      const key = numbersKey(SESSION, clientId);
      const session = this.sessions.get(clientId);
      if (!session) return { key, value: undefined };
      return { key, value: new ByteWriter().number(session.used).u64(session.respondedTo).finish() };
    }
    const key = numbersKey(RESULT, clientId, changed.series);
    const result = this.sessions.peek(clientId, changed.series);
    if (!result) return { key, value: undefined };
    return { key, value: new ByteWriter().number(result.value).sized(result.data).finish() };
  }
}

function numbersKey(kind: number, ...numbers: readonly bigint[]): Uint8Array {
  const key = new Uint8Array(1 + numbers.length * 8);
  key[0] = kind;
  const view = new DataView(key.buffer);
  for (const [n, each] of numbers.entries()) view.setBigUint64(1 + n * 8, each);
  return key;
}

function resultIn(input: ByteReader): { readonly value: number; readonly data: Uint8Array } {
  const result = { value: input.number(), data: input.sized() };
  input.finish();
  return result;
}
