/**
 * A signed GET without a client library: AWS Signature Version 4 of a request with a range and no body, as a bare script would make it.
 * Source: the S3 API reference, "Authenticating Requests: Using the Authorization Header".
 */
import { createHash, createHmac } from 'node:crypto';

const REGION = 'us-east-1';
const UNSIGNED = 'UNSIGNED-PAYLOAD';
const SIGNED_HEADERS = 'host;range;x-amz-content-sha256;x-amz-date';

const hmac = (key: string | Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

export interface SignedGet {
  /** `host:port` */
  readonly host: string;
  /** Encoded, as it is sent. */
  readonly path: string;
  /** Bytes [start, end). */
  readonly start: number;
  readonly end: number;
}

/** Headers of the GET, signed now. */
export function signedGetHeaders(
  { host, path, start, end }: SignedGet,
  accessKeyId: string,
  secretAccessKey: string,
): Readonly<Record<string, string>> {
  const time = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
  const day = time.slice(0, 8);
  const range = `bytes=${start}-${end - 1}`;
  const headers = { host, range, 'x-amz-content-sha256': UNSIGNED, 'x-amz-date': time };
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const canonical = ['GET', path, '', lines.join(''), SIGNED_HEADERS, UNSIGNED].join('\n');
  const scope = `${day}/${REGION}/s3/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const dayKey = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, day), REGION), 's3'), 'aws4_request');
  const signature = hmac(dayKey, ['AWS4-HMAC-SHA256', time, scope, digest].join('\n')).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${SIGNED_HEADERS}, Signature=${signature}`;
  return { ...headers, authorization };
}
