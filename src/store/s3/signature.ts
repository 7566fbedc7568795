/**
 * AWS Signature Version 4 of one request, in its Authorization header. Source: the S3 API reference, "Signature Calculations for the Authorization Header".
 *
 * G1  Every header that is given is signed: whoever takes If-None-Match away on the way makes the request invalid, not unconditional.
 * G2  Path and query are given as they are sent, and are signed so: S3 encodes a path once.
 */
import { createHmac, hash } from 'node:crypto';

export interface SignatureKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface UnsignedRequest {
  readonly method: string;
  /** Encoded (G2). */
  readonly path: string;
  /** Encoded, in the order of its names; without the question mark. */
  readonly query: string;
  /** Names in lower case; x-amz-date and x-amz-content-sha256 are among them. */
  readonly headers: Readonly<Record<string, string>>;
}

const SERVICE = 's3';

/** The time as signatures have it: `20261121T210551Z`. */
export function signatureTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}

/** The key of a day and region; good for every request of them. */
export function dayKey(secretAccessKey: string, day: string, region: string): Buffer {
  return [region, SERVICE, 'aws4_request'].reduce(
    (key, part) => hmac(key, part),
    hmac(`AWS4${secretAccessKey}`, day),
  );
}

/** The value of the Authorization header. @param key dayKey of the request's day and this region */
export function authorization(
  request: UnsignedRequest,
  {
    accessKeyId,
    region,
    key,
  }: { readonly accessKeyId: string; readonly region: string; readonly key: Buffer },
): string {
  const { method, path, query, headers } = request;
  const names = Object.keys(headers).sort();
  const signed = names.join(';');
  const lines = names.map((name) => `${name}:${headers[name]!.trim()}\n`).join('');
  const canonical = `${method}\n${path}\n${query}\n${lines}\n${signed}\n${headers['x-amz-content-sha256']!}`;
  const time = headers['x-amz-date']!;
  const scope = `${time.slice(0, 8)}/${region}/${SERVICE}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', canonical)}`;
  const signature = hmac(key, text).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
