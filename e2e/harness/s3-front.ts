/**
 * Any object store behind S3's HTTP: what a test needs to put a faulty or lying store before clients that speak S3 over real connections.
 *
 * 1. Serves the five requests that Holdfast makes, path style, for one bucket; anything else is answered 501. Signatures are not
 *    checked: credentials are the business of the server behind, and of its own tests.
 * 2. What the store answers is passed on as it is, also when it makes no sense; nothing is put right here.
 * 3. A failure of the store that came with an HTTP status is answered with it; one without (a lost request) closes the connection.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { StoreError, type ByteRange, type ListPage, type ObjectStore } from '../../src/store/index.ts';
import { freePort } from '../cluster/index.ts';

export interface S3Front {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  /** Ends all connections; the store behind stays open. */
  close(): Promise<void>;
}

/** An answer: status, headers, body. */
interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Serves `store` as `bucket` until closed. */
export async function serveS3(store: ObjectStore, bucket: string): Promise<S3Front> {
  const port = await freePort();
  const server = createServer((incoming, outgoing) => {
    respond(store, bucket, incoming, outgoing).catch(() => outgoing.destroy()); // 3
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function respond(
  store: ObjectStore,
  bucket: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = await buffer(incoming);
  const answer = await answerTo(store, bucket, incoming, body).catch((thrown: unknown) => failed(thrown));
  outgoing.writeHead(answer.status, answer.headers).end(incoming.method === 'HEAD' ? undefined : answer.body);
}

/** @throws what has no HTTP status (3). */
function failed(thrown: unknown): Answer {
  const status = thrown instanceof StoreError ? thrown.fields['status'] : undefined;
  if (typeof status !== 'number') throw thrown;
  return problem(status, (thrown as StoreError).code);
}

function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
}

async function answerTo(
  store: ObjectStore,
  bucket: string,
  incoming: IncomingMessage,
  body: Uint8Array,
): Promise<Answer> {
  const url = new URL(incoming.url ?? '/', 'http://front');
  const [, named, ...rest] = decodeURIComponent(url.pathname).split('/');
  const key = rest.join('/');
  if (named !== bucket) return problem(404, 'NoSuchBucket');
  if (key === '') return await answerToBucket(store, incoming.method, url.searchParams);
  switch (incoming.method ?? '') {
    case 'PUT':
      return await put(store, key, body, incoming.headers['if-none-match'] === '*');
    case 'GET':
      return await get(store, key, incoming.headers.range);
    case 'HEAD': {
      const found = await store.head(key);
      return found
        ? { status: 200, headers: { 'content-length': String(found.size), ...times(found.lastModifiedMs) } }
        : { status: 404 };
    }
    case 'DELETE':
      await store.delete(key);
      return { status: 204 };
    default:
      return problem(501, 'NotImplemented');
  }
}

async function put(
  store: ObjectStore,
  key: string,
  body: Uint8Array,
  onlyIfAbsent: boolean,
): Promise<Answer> {
  if (!onlyIfAbsent) await store.delete(key);
  const outcome = await store.create(key, body);
  if (outcome.kind === 'created') return { status: 200 };
  if (outcome.kind === 'exists') return problem(412, 'PreconditionFailed');
  throw outcome.cause;
}

async function get(store: ObjectStore, key: string, header: string | undefined): Promise<Answer> {
  const range = rangeOf(header);
  const found = await store.get(key, { range });
  if (!found) return problem(404, 'NoSuchKey');
  const { body, size, lastModifiedMs } = found;
  if (!range || body.length > range.end - range.start)
    return { status: 200, headers: times(lastModifiedMs), body }; // 2: more than was asked for
  if (body.length === 0) return problem(416, 'InvalidRange', { 'content-range': `bytes */${size}` });
  const covers = `bytes ${range.start}-${range.start + body.length - 1}/${size}`;
  return { status: 206, headers: { 'content-range': covers, ...times(lastModifiedMs) }, body };
}

function rangeOf(header: string | undefined): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(header ?? '') ?? [];
  return first === undefined ? undefined : { start: Number(first), end: Number(last) + 1 };
}

function times(lastModifiedMs: number | undefined): Record<string, string> {
  return lastModifiedMs === undefined ? {} : { 'last-modified': new Date(lastModifiedMs).toUTCString() };
}

async function answerToBucket(
  store: ObjectStore,
  method: string | undefined,
  query: URLSearchParams,
): Promise<Answer> {
  if (method === 'GET' && query.has('versioning'))
    return { status: 200, body: '<?xml version="1.0"?><VersioningConfiguration/>' };
  if (method !== 'GET' || query.get('list-type') !== '2') return problem(501, 'NotImplemented');
  const page = await store.list(query.get('prefix') ?? '', {
    startAfter: query.get('start-after') ?? undefined,
    limit: Number(query.get('max-keys') ?? 1000),
  });
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: listDocument(page) };
}

function listDocument({ objects, truncated }: ListPage): string {
  const contents = objects.map(({ key, size, lastModifiedMs }) => {
    const time =
      lastModifiedMs === undefined
        ? ''
        : `<LastModified>${new Date(lastModifiedMs).toISOString()}</LastModified>`;
    return `<Contents><Key>${escaped(key)}</Key><Size>${size}</Size>${time}</Contents>`;
  });
  return `<?xml version="1.0"?><ListBucketResult><IsTruncated>${truncated}</IsTruncated>${contents.join('')}</ListBucketResult>`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character]!);
}
