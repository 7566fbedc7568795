/**
 * The two requests that everybody waits for, the PUT of a slot and the GET of a few bytes, made and signed here and sent through the same connections as the SDK's. What the
 * SDK does for one request takes longer than everything else that a commit does, and it does it on the thread that serves (docs/decisions/0048).
 *
 * Q1  Only where the bucket is in the path, at an endpoint that was named: nothing has to be found out about the address. Elsewhere the SDK asks.
 * Q2  A failure looks like the SDK's, so that one table says what it means (s3-error.ts, classify.ts).
 * Q3  Credentials come from the SDK's chain at every request, which keeps and renews them.
 * Q4  A store whose clock is far from ours says so by refusing; its Date corrects the time of the next signature.
 */
import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Clock } from '../../base/index.ts';
import type { ConnectionChoice, SendOptions } from './fresh-connections.ts';
import { authorization, dayKey, signatureTime, type SignatureKey } from './signature.ts';

export interface DirectOptions {
  /** Origin of the store. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly credentials: () => Promise<SignatureKey & { readonly sessionToken?: string | undefined }>;
  readonly connections: ConnectionChoice;
  readonly clock: Clock;
}

/** What an answer to a GET says; the body is to be read or destroyed. */
export interface DirectAnswer {
  readonly Body: Readable;
  readonly ContentLength: number | undefined;
  readonly ContentRange: string | undefined;
  readonly LastModified: Date | undefined;
}

interface Sent {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable;
}

const NO_BYTES_SHA256 = hash('sha256', '');
/** From here on a clock counts as wrong, ms: a signature is good for fifteen minutes, and the SDK draws the line here too. */
const SKEW_MS = 300_000;
/** Most bytes of an error document that are read: the code stands in the first lines. */
const MOST_DOCUMENT_BYTES = 64 * 1024;

export class DirectRequests {
  readonly #options: DirectOptions;
  readonly #url: URL;
  #skewMs = 0;
  #key: { readonly of: string; readonly key: Buffer } | undefined;

  constructor(options: DirectOptions) {
    this.#options = options;
    this.#url = new URL(options.endpoint);
  }

  /** Creates an object if there is none of this key. @returns the store's name for the request @throws as the SDK (Q2), the signal's reason */
  async create(key: string, bytes: Uint8Array, send: SendOptions): Promise<string | undefined> {
    const headers = {
      'content-length': String(bytes.length),
      'content-type': 'application/octet-stream',
      'if-none-match': '*',
    };
    const answer = await this.#send('PUT', key, '', headers, bytes, send);
    await drained(answer.body); // or the next request finds the connection taken
    return answer.headers['x-amz-request-id'];
  }

  /** @param range as the header has it @throws as the SDK (Q2), the signal's reason */
  async get(key: string, range: string | undefined, send: SendOptions): Promise<DirectAnswer> {
    const headers: Record<string, string> = range === undefined ? {} : { range };
    const { headers: told, body } = await this.#send('GET', key, 'x-id=GetObject', headers, undefined, send);
    const { 'content-length': length, 'last-modified': modified } = told;
    return {
      Body: body,
      ContentLength: length === undefined ? undefined : Number(length),
      ContentRange: told['content-range'],
      LastModified: modified === undefined ? undefined : new Date(modified),
    };
  }

  async #send(
    method: 'GET' | 'PUT',
    key: string,
    query: string,
    given: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
    send: SendOptions,
  ): Promise<Sent> {
    const { bucket, connections } = this.#options;
    const { protocol, hostname, port, host } = this.#url;
    const path = `/${bucket}/${encodedKey(key)}`;
    const digest = body === undefined ? NO_BYTES_SHA256 : hash('sha256', body);
    const headers = await this.#signed(method, path, query, {
      ...given,
      host,
      'x-amz-content-sha256': digest,
    });
    send.abortSignal.throwIfAborted();
    const { response } = await connections.handle(
      {
        method,
        protocol,
        hostname,
        ...(port === '' ? {} : { port: Number(port) }),
        path,
        query: query === '' ? {} : { 'x-id': 'GetObject' },
        headers,
        body,
      } as Parameters<ConnectionChoice['handle']>[0],
      send,
    );
    const sent = response as Sent;
    if (sent.statusCode >= 200 && sent.statusCode < 300) return sent;
    throw await this.#failure(sent);
  }

  async #signed(
    method: string,
    path: string,
    query: string,
    unsigned: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const { accessKeyId, secretAccessKey, sessionToken } = await this.#options.credentials(); // Q3
    const { region, clock } = this.#options;
    const time = signatureTime(clock.wallMs() + this.#skewMs);
    const headers: Record<string, string> = {
      ...unsigned,
      'x-amz-date': time,
      ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    };
    const key = this.#keyOf(secretAccessKey, time.slice(0, 8));
    headers['authorization'] = authorization({ method, path, query, headers }, { accessKeyId, region, key });
    return headers;
  }

  #keyOf(secret: string, day: string): Buffer {
    const of = `${day} ${secret}`;
    if (this.#key?.of !== of) this.#key = { of, key: dayKey(secret, day, this.#options.region) };
    return this.#key.key;
  }

  /** Q2, Q4 */
  async #failure({ statusCode, headers, body }: Sent): Promise<Error> {
    const now = this.#options.clock.wallMs();
    const theirs = Date.parse(headers['date'] ?? '');
    if (Math.abs(theirs - now - this.#skewMs) >= SKEW_MS) this.#skewMs = theirs - now;
    const document = await textOf(body);
    const word = (name: string): string | undefined =>
      new RegExp(`<${name}>([^<]*)</${name}>`).exec(document)?.[1];
    const code = /<Error[\s>]/.test(document) ? word('Code') : undefined;
    return Object.assign(new Error(word('Message') ?? `status ${statusCode}`), {
      name: code ?? 'UnknownError',
      $metadata: {
        httpStatusCode: statusCode,
        requestId: headers['x-amz-request-id'] ?? headers['x-amzn-requestid'],
        extendedRequestId: headers['x-amz-id-2'],
      },
      $response: { statusCode, headers },
    });
  }
}

/** As S3 has keys in paths: everything but unreserved characters and slashes encoded. */
function encodedKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** @throws what broke the body */
function drained(body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    body.once('end', resolve);
    body.once('error', reject);
    body.once('close', () => reject(new Error('the answer ended too early'))); // no news after its end
    body.resume();
  });
}

/** @throws what broke the body */
async function textOf(body: Readable): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    parts.push(part);
    bytes += part.length;
    if (bytes > MOST_DOCUMENT_BYTES) break; // ends the body too
  }
  return Buffer.concat(parts).toString('utf8');
}
