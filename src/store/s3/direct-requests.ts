/**
 * The two requests that everybody waits for, the PUT of a slot and the GET of a few bytes, made here, signed by the SDK's own signer and sent through the same connections as the SDK's. What the
 * SDK does for one request takes longer than everything else that a commit does, and it does it on the thread that serves (docs/decisions/0048).
 *
 * Q1  Only where the bucket is in the path, at an endpoint that was named: nothing has to be found out about the address. Elsewhere the SDK asks.
 * Q2  A failure looks like the SDK's, so that one table says what it means (s3-error.ts, classify.ts).
 * Q3  Credentials come from the SDK's chain at every request, which keeps and renews them.
 * Q4  A store whose clock is far from ours says so by refusing; its Date corrects the time of the next signature.
 */
import { hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { SignatureV4 } from '@smithy/signature-v4';
import { raceAbort, type Clock } from '../../base/index.ts';
import type { ConnectionChoice, SendOptions } from './fresh-connections.ts';
import { SigningHash } from './signing-hash.ts';

export interface DirectOptions {
  /** Origin of the store. */
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  /** The SDK's chain (Q3). */
  readonly config: Pick<S3Client['config'], 'credentials'>;
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
/** How the SDK's GET says what it is. */
const GET_QUERY = { 'x-id': 'GetObject' };
/** From here on a clock counts as wrong, ms: a signature is good for fifteen minutes, and the SDK draws the line here too. */
const SKEW_MS = 300_000;
/** Most bytes of an error document that are read: the code stands in the first lines. */
const MOST_DOCUMENT_BYTES = 64 * 1024;

export class DirectRequests {
  readonly #options: DirectOptions;
  readonly #url: URL;
  readonly #signer: SignatureV4;
  #skewMs = 0;

  constructor(options: DirectOptions) {
    this.#options = options;
    this.#url = new URL(options.endpoint);
    const { region, config } = options;
    const { credentials } = config;
    // S3 encodes a path once; the digest of the body is given with it.
    this.#signer = new SignatureV4({
      service: 's3',
      region,
      credentials,
      sha256: SigningHash,
      uriEscapePath: false,
      applyChecksum: false,
    });
  }

  /** Creates an object if there is none of this key. @returns the store's name for the request @throws as the SDK (Q2), the signal's reason */
  async create(key: string, bytes: Uint8Array, send: SendOptions): Promise<string | undefined> {
    const headers = {
      'content-length': String(bytes.length),
      'content-type': 'application/octet-stream',
      'if-none-match': '*',
    };
    const answer = await this.#send('PUT', key, {}, headers, bytes, send);
    await finished(answer.body.resume()); // or the next request finds the connection taken
    return answer.headers['x-amz-request-id'];
  }

  /** @param range as the header has it @throws as the SDK (Q2), the signal's reason */
  async get(key: string, range: string | undefined, send: SendOptions): Promise<DirectAnswer> {
    const headers: Record<string, string> = range === undefined ? {} : { range };
    const { headers: told, body } = await this.#send('GET', key, GET_QUERY, headers, undefined, send);
    const { 'content-length': length, 'last-modified': modified = '' } = told;
    return {
      Body: body,
      ContentLength: length === undefined ? undefined : Number(length),
      ContentRange: told['content-range'],
      LastModified: Number.isNaN(Date.parse(modified)) ? undefined : new Date(modified), // what is no date is not told
    };
  }

  async #send(
    method: 'GET' | 'PUT',
    key: string,
    query: Record<string, string>,
    given: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
    send: SendOptions,
  ): Promise<Sent> {
    const { bucket, connections, clock } = this.#options;
    const { protocol, hostname, port, host } = this.#url;
    const digest = body === undefined ? NO_BYTES_SHA256 : hash('sha256', body);
    const request = {
      method,
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path: `/${bucket}/${encodedKey(key)}`,
      query,
      headers: { ...given, host, 'x-amz-content-sha256': digest },
      body,
    };
    const signingDate = new Date(clock.wallMs() + this.#skewMs);
    const { abortSignal } = send;
    const signed = await raceAbort(this.#signer.sign(request, { signingDate }), abortSignal); // a chain may wait for a service that is away
    abortSignal.throwIfAborted();
    const { response } = await connections.handle(signed as Parameters<ConnectionChoice['handle']>[0], send);
    const sent = response as Sent;
    if (sent.statusCode >= 200 && sent.statusCode < 300) return sent;
    throw await this.#failure(sent);
  }

  /** Q2, Q4 */
  async #failure({ statusCode, headers, body }: Sent): Promise<Error> {
    const now = this.#options.clock.wallMs();
    const theirs = Date.parse(headers['date'] ?? '');
    if (Math.abs(theirs - now - this.#skewMs) >= SKEW_MS) this.#skewMs = theirs - now;
    const document = await textOf(body).catch((cut: unknown) => {
      if (statusCode !== 412) throw cut;
      return ''; // says it all; who refuses without reading a body closes the connection under his answer
    });
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
