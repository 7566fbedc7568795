/**
 * The two S3 clients of a store, configured as s3log.md §6.12 demands.
 *
 * 1. Appends and reads never share a client: a burst of reads must not take the connections of the write that everybody waits for.
 * 2. The SDK never repeats a request: for appends because that hides lost responses (S2 of types.ts), for reads because its retry ends
 *    before the body is read; reading retries around the whole body itself (read-retry.ts).
 * 3. At a custom endpoint: path style, and checksums only where the protocol demands them, which is what other stores understand.
 * 4. No Expect: 100-continue: it costs a round trip, and with agents of our own the SDK sends the header without waiting for its answer.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Logger } from '../../base/index.ts';
import type { S3Location } from '../url.ts';
import { asRequestHandler, ConnectionChoice, type OnSent } from './fresh-connections.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Clients {
  readonly append: S3Client;
  readonly read: S3Client;
}

const APPEND_SOCKETS = 4;
/** A restore wants this many ranges in flight at least (s3log.md §1.3). */
export const READ_SOCKETS = 64;
/** Custom endpoints do not care, signatures do: everybody's default. */
const CUSTOM_ENDPOINT_REGION = 'us-east-1';

/** Makes both clients; nothing is sent yet. */
export function s3Clients(
  location: S3Location,
  credentials: S3Credentials | undefined,
  log: Logger,
  onSent: OnSent,
): S3Clients {
  const custom = location.endpoint !== undefined;
  const region = location.region ?? (custom ? CUSTOM_ENDPOINT_REGION : undefined);
  const shared: S3ClientConfig = {
    maxAttempts: 1, // 2
    forcePathStyle: location.forcePathStyle,
    expectContinueHeader: false, // 4
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(custom // 3
      ? { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }
      : {}),
    ...(credentials && { credentials: plain(credentials) }),
  };
  const append = new S3Client({
    ...shared,
    requestHandler: asRequestHandler(new ConnectionChoice(APPEND_SOCKETS, log, onSent)),
  });
  const read = new S3Client({
    ...shared,
    credentials: append.config.credentials, // one chain, asked once
    requestHandler: asRequestHandler(new ConnectionChoice(READ_SOCKETS, log, onSent)),
  });
  return { append, read };
}

function plain(credentials: S3Credentials): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
