/**
 * The S3 adapter: five requests of S3 behind the port (s3log.md §6.12).
 *
 * 1. A create is one PutObject with If-None-Match: *; whatever comes back goes through the table of classify.ts.
 * 2. Absence is the store's NoSuchKey. HEAD has no document to say it, so its 404 counts only at a bucket that is known to exist.
 * 3. A GET's body has the announced length, and a range is the range asked for; anything else is an error (S3 and S4 of types.ts).
 * 4. A large create that is repeated asks by HEAD first whether the key is taken. A store that refuses without reading the body closes the
 *    connection under the bytes that still come, and its 412 is lost (versitygw, now and then from 4 MiB, always at 64 MiB): without the
 *    question no repetition would ever learn it. The PUT is still one attempt.
 */
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { deadline, EMPTY_BYTES, letGo, type Clock, type Logger, type Random } from '../../base/index.ts';
import { checkGet, checkList } from '../arguments.ts';
import { lengthOf, piecesOf, type Body } from '../body.ts';
import { abortedError, closedError, StoreError } from '../errors.ts';
import { checkKey } from '../keys.ts';
import type {
  BodyPart,
  ByteRange,
  CreateOutcome,
  GetCall,
  ListCall,
  ListPage,
  ObjectInfo,
  ObjectStore,
  StoreCall,
  StoredObject,
  Versioning,
} from '../types.ts';
import { formatStoreUrl, type S3Location } from '../url.ts';
import { classifyCreate, saysAbsent } from './classify.ts';
import {
  READ_SOCKETS,
  s3Clients,
  SLOT_BYTES,
  UPLOAD_SOCKETS,
  type S3Clients,
  type S3Credentials,
} from './clients.ts';
import { checkOrder, checkRangeAnswer, sizeFromRange } from './answers.ts';
import { ObjectBody } from './object-body.ts';
import { putCommand } from './put-body.ts';
import { readBody } from './read-body.ts';
import type { OnSent, SendOptions } from './fresh-connections.ts';
import { withRetries, type Attempt } from './read-retry.ts';
import { failureHeader, failureOf, s3Error } from './s3-error.ts';
import { Turns } from './turns.ts';

export interface S3StoreOptions {
  readonly credentials: S3Credentials | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told of every repetition inside a read. */
  readonly onRetry: (operation: string, code: string) => void;
  /** Told of every request as it was answered. */
  readonly onSent: OnSent;
}

/** Longest wait for one create when its caller sets none, besides the time for the bytes. */
const CREATE_LIMIT_MS = 30_000;
/** Slowest upload that is still waited for: 1 MiB a second. */
const SLOWEST_BYTES_PER_MS = (1024 * 1024) / 1000;
/** Bodies from here on may not fit into the buffers between us and a store that does not read them (4). */
const LARGE_BYTES = 256 * 1024;

/** What is used of the answer to a GET. */
type ReadAnswer = Pick<Partial<GetObjectCommandOutput>, 'ContentLength' | 'ContentRange' | 'LastModified'> & {
  readonly Body?: unknown;
};

export class S3Store implements ObjectStore {
  readonly url: string;
  /** Who speaks plain HTTP is in the same network; and only there bodies come in parts (object-reads.ts). */
  readonly streams: boolean;
  readonly #location: S3Location;
  readonly #options: S3StoreOptions;
  readonly #clients: S3Clients;
  readonly #turns = new Turns(READ_SOCKETS);
  readonly #uploads = new Turns(UPLOAD_SOCKETS);
  /** The bucket was seen to exist by this process (2). */
  #bucketSeen = false;
  #closed = false;

  constructor(location: S3Location, options: S3StoreOptions) {
    this.url = formatStoreUrl(location);
    this.streams = location.endpoint?.startsWith('http:') === true;
    this.#location = location;
    this.#options = options;
    this.#clients = s3Clients(location, options.credentials, options.log, options.onSent, options.clock);
  }

  async create(key: string, body: Body, call: StoreCall = {}): Promise<CreateOutcome> {
    const { signal } = call;
    try {
      const Key = this.#fullKey(key);
      if (lengthOf(body) <= SLOT_BYTES) return await this.#put(this.#clients.append, Key, body, call);
      const giveBack = await this.#uploads.take(signal); // T1: the wait for it is not the store's time
      try {
        return await this.#put(this.#clients.upload, Key, body, call);
      } finally {
        giveBack();
      }
    } catch (thrown) {
      if (signal?.aborted && !(thrown instanceof StoreError))
        return { kind: 'undecided', cause: abortedError('create', key, signal) };
      return this.#createFailed(key, thrown);
    }
  }

  /** The one attempt (1). @throws whatever is not `created`, or `exists` as the answer to the question (4). */
  async #put(client: S3Client, Key: string, body: Body, call: StoreCall): Promise<CreateOutcome> {
    const { signal, freshConnection = false } = call;
    signal?.throwIfAborted();
    const { bucket: Bucket, endpoint } = this.#location;
    const bytes = lengthOf(body);
    const limitMs = CREATE_LIMIT_MS + bytes / SLOWEST_BYTES_PER_MS;
    const limit = deadline(this.#options.clock, limitMs, `create of ${Key}`, signal);
    try {
      const send: SendOptions = { abortSignal: limit.signal, freshConnection };
      if (freshConnection && bytes >= LARGE_BYTES && (await this.#isTaken(Key, send)))
        return { kind: 'exists' };
      const checksums = endpoint === undefined; // clients.ts 3
      const [whole = EMPTY_BYTES, ...more] = piecesOf(body);
      const { direct, append } = this.#clients;
      if (direct && client === append && more.length === 0) {
        this.#decided(Key, 'created', await direct.append.create(Key, whole, send));
        return { kind: 'created' };
      }
      const put = await putCommand({ Bucket, Key, IfNoneMatch: '*' }, body, checksums);
      const sent = await client.send(put, send);
      this.#decided(Key, 'created', sent.$metadata.requestId);
      return { kind: 'created' };
    } catch (thrown) {
      throw limit.signal.aborted ? limit.signal.reason : thrown; // the SDK's AbortError says less than why we stopped
    } finally {
      limit.clear();
    }
  }

  /** Whether the store says so; where it says anything else, the PUT will find out. */
  async #isTaken(Key: string, send: SendOptions): Promise<boolean> {
    try {
      await this.#clients.append.send(new HeadObjectCommand({ Bucket: this.#location.bucket, Key }), send);
      return true;
    } catch (thrown) {
      if (send.abortSignal.aborted) throw thrown;
      return false;
    }
  }

  #createFailed(key: string, thrown: unknown): CreateOutcome {
    const failure = failureOf(thrown);
    const cause = s3Error(thrown, { url: this.url, operation: 'create', key });
    if (thrown instanceof StoreError) return { kind: 'refused', cause }; // ours: a bad key, a closed store
    const kind = classifyCreate(failure);
    if (kind === 'exists') {
      this.#decided(key, 'exists', cause.fields['requestId']);
      return { kind };
    }
    // credentials that were there before will come back: a token service that is away must not end a session
    const passing = cause.code === 'STORE_NO_CREDENTIALS' && this.#bucketSeen;
    return { kind: passing ? 'undecided' : kind, cause };
  }

  async get(key: string, call: GetCall = {}): Promise<StoredObject | undefined> {
    let taken = 0;
    const onPart =
      call.onPart &&
      ((part: BodyPart): void => {
        taken += part.bytes.length;
        call.onPart!(part);
      });
    const found = await this.#read('get', key, call, async (send, answered) => {
      checkGet(key, call);
      const range = call.range && { start: call.range.start + taken, end: call.range.end }; // S4: the same object
      if (range && taken > 0 && range.start === range.end)
        throw new StoreError('STORE_BAD_RESPONSE', 'The answer failed behind its last byte.', {
          retryable: false,
        });
      const Range = range && `bytes=${range.start}-${range.end - 1}`;
      try {
        const answer = await this.#get(this.#fullKey(key), Range, send);
        answered();
        return await this.#object(answer, range, onPart);
      } catch (thrown) {
        const failure = failureOf(thrown);
        if (saysAbsent(failure, false)) return undefined;
        if (range && failure.status === 416) return beyondEnd(thrown);
        throw thrown;
      }
    });
    return found === BEYOND ? await this.#emptyRange(key, call) : found;
  }

  #get(Key: string, Range: string | undefined, send: SendOptions): Promise<ReadAnswer> {
    const { direct, read } = this.#clients;
    if (direct) return direct.read.get(Key, Range, send);
    return read.send(new GetObjectCommand({ Bucket: this.#location.bucket, Key, Range }), send);
  }

  async #object(
    answer: ReadAnswer,
    range: ByteRange | undefined,
    onPart: GetCall['onPart'],
  ): Promise<StoredObject> {
    if (!(answer.Body instanceof Readable))
      throw new StoreError('STORE_BAD_RESPONSE', 'The store answered without a body.', { retryable: true });
    try {
      const promised = range && checkRangeAnswer(answer, range);
      if (onPart && answer.Body instanceof ObjectBody) answer.Body.deliver(onPart);
      const body = await readBody(answer.Body, promised?.length ?? answer.ContentLength, this.#options.clock);
      return {
        body,
        size: promised?.size ?? body.length,
        lastModifiedMs: answer.LastModified?.getTime(),
        release: answer.Body instanceof ObjectBody ? answer.Body.release : (): void => letGo(body),
      };
    } catch (thrown) {
      answer.Body.destroy(); // or the connection stays taken
      throw thrown;
    }
  }

  /** The answer for a range that begins at or after the end, where the store did not tell the size. */
  async #emptyRange(key: string, call: StoreCall): Promise<StoredObject | undefined> {
    const info = await this.head(key, call);
    return info && { body: EMPTY_BYTES, size: info.size, lastModifiedMs: info.lastModifiedMs };
  }

  async head(key: string, call?: StoreCall): Promise<ObjectInfo | undefined> {
    const found = await this.#read('head', key, call, async (send) => {
      const command = new HeadObjectCommand({ Bucket: this.#location.bucket, Key: this.#fullKey(key) });
      try {
        const answer = await this.#clients.read.send(command, send);
        if (answer.ContentLength === undefined)
          throw new StoreError('STORE_BAD_RESPONSE', 'The store told no size.', { retryable: true });
        return { key, size: answer.ContentLength, lastModifiedMs: answer.LastModified?.getTime() };
      } catch (thrown) {
        if (saysAbsent(failureOf(thrown), true)) return ABSENT;
        throw thrown;
      }
    });
    if (found !== ABSENT) return found;
    if (!this.#bucketSeen) await this.list(key, { ...call, limit: 1 }); // 2: throws when there is no bucket
    return undefined;
  }

  list(prefix: string, call: ListCall = {}): Promise<ListPage> {
    return this.#read('list', prefix, call, async (send) => {
      const limit = checkList(prefix, call);
      const base = this.#location.prefix === '' ? '' : `${this.#location.prefix}/`;
      const command = new ListObjectsV2Command({
        Bucket: this.#location.bucket,
        Prefix: base + prefix,
        MaxKeys: limit,
        ...(call.startAfter === undefined ? {} : { StartAfter: base + call.startAfter }),
      });
      const answer = await this.#clients.read.send(command, send);
      const objects = (answer.Contents ?? []).map((found) => ({
        key: (found.Key ?? '').slice(base.length),
        size: found.Size ?? 0,
        lastModifiedMs: found.LastModified?.getTime(),
      }));
      checkOrder(objects, prefix, call.startAfter);
      return { objects, truncated: answer.IsTruncated === true };
    });
  }

  async delete(key: string, call?: StoreCall): Promise<void> {
    await this.#read('delete', key, call, async (send) => {
      const command = new DeleteObjectCommand({ Bucket: this.#location.bucket, Key: this.#fullKey(key) });
      try {
        await this.#clients.read.send(command, send);
      } catch (thrown) {
        if (!saysAbsent(failureOf(thrown), false)) throw thrown; // some stores say so; it is what was wanted
      }
    });
  }

  async versioning(call?: StoreCall): Promise<Versioning> {
    try {
      const command = new GetBucketVersioningCommand({ Bucket: this.#location.bucket });
      const answer = await this.#read('versioning', '', call, (send) =>
        this.#clients.read.send(command, send),
      );
      if (answer.Status === 'Enabled') return 'on';
      return answer.Status === 'Suspended' ? 'suspended' : 'off';
    } catch (error) {
      const mayNotTell = error instanceof StoreError && MAY_NOT_TELL.has(error.code);
      if (mayNotTell) return 'unknown';
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const { append, upload, read } = this.#clients;
    for (const client of [append, upload, read]) client.destroy();
  }

  async #read<T>(
    operation: string,
    key: string,
    call: StoreCall | undefined,
    attempt: Attempt<T>,
  ): Promise<T> {
    if (this.#closed) throw closedError(this.url);
    const value = await withRetries(
      { url: this.url, operation, key },
      call,
      { ...this.#options, turns: this.#turns },
      attempt,
    );
    if (value !== ABSENT) this.#bucketSeen = true; // an answer, or NoSuchKey: both speak for the bucket
    return value;
  }

  /** @throws StoreError STORE_BAD_REQUEST, STORE_CLOSED */
  #fullKey(key: string): string {
    if (this.#closed) throw closedError(this.url);
    checkKey(key);
    if (this.#location.prefix === '') return key;
    const full = `${this.#location.prefix}/${key}`;
    checkKey(full);
    return full;
  }

  #decided(key: string, outcome: string, requestId: unknown): void {
    this.#bucketSeen = true;
    const { log } = this.#options;
    if (log.isDebugEnabled()) log.debug('a create was decided', { store: this.url, key, outcome, requestId });
  }
}

/** HEAD's 404, before it is known whether it speaks of the object or of the bucket (2). */
const ABSENT = Symbol('absent');
/** GET's 416 without a word about the size. */
const BEYOND = Symbol('beyond');

/** The range begins at or after the end (416): no bytes, and the size when the answer tells it. */
function beyondEnd(thrown: unknown): StoredObject | typeof BEYOND {
  const size = sizeFromRange(failureHeader(thrown, 'content-range'));
  return size === undefined ? BEYOND : { body: EMPTY_BYTES, size, lastModifiedMs: undefined };
}

/** Answers to the question for versioning that only say that it will not be answered. */
const MAY_NOT_TELL: ReadonlySet<string> = new Set([
  'STORE_DENIED',
  'STORE_UNSUPPORTED',
  'STORE_BAD_REQUEST',
  'STORE_BAD_RESPONSE',
]);
