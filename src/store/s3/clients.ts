/**
 * The three S3 clients of a store, configured as s3log.md §6.12 demands.
 *
 * 1. Appends, uploads of fragments and reads never share a client: neither a burst of reads nor a compaction must take the connections of
 *    the write that everybody waits for. Which is which is told by size: no slot is larger than SLOT_BYTES.
 * 2. The SDK never repeats a request: for appends because that hides lost responses (S2 of types.ts), for reads because its retry ends
 *    before the body is read; reading retries around the whole body itself (read-retry.ts).
 * 3. At a custom endpoint: path style, and checksums only where the protocol demands them, which is what other stores understand.
 * 4. No Expect: 100-continue: it costs a round trip, and with agents of our own the SDK sends the header without waiting for its answer.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { Clock, Logger } from '../../base/index.ts';
import type { S3Location } from '../url.ts';
import { DirectRequests } from './direct-requests.ts';
import { asRequestHandler, ConnectionChoice, type OnSent } from './fresh-connections.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Clients {
  /** Creates of up to SLOT_BYTES. */
  readonly append: S3Client;
  /** Larger creates. */
  readonly upload: S3Client;
  readonly read: S3Client;
  /** For appends and for reads, through the same connections; undefined where the SDK has to find the address (direct-requests.ts Q1). */
  readonly direct: { readonly append: DirectRequests; readonly read: DirectRequests } | undefined;
}

/** Largest slot: 8 MiB (s3log.md §6.12) and room for what a slot adds to its payload. */
export const SLOT_BYTES: number = 8 * 1024 * 1024 + 64 * 1024;
const APPEND_SOCKETS = 4;
/** Four bodies of 64 MiB fill any line, and are all the memory that uploading should take. */
export const UPLOAD_SOCKETS = 4;
/** As many GETs as a reader of a journal has in flight when slots are small; a restore wants 64 ranges at least (s3log.md §1.3). */
export const READ_SOCKETS = 128;
/** Custom endpoints do not care, signatures do: everybody's default. */
const CUSTOM_ENDPOINT_REGION = 'us-east-1';

/** Makes the clients; nothing is sent yet. */
export function s3Clients(
  location: S3Location,
  credentials: S3Credentials | undefined,
  log: Logger,
  onSent: OnSent,
  clock: Clock,
): S3Clients {
  const custom = location.endpoint !== undefined;
  const region = location.region ?? (custom ? CUSTOM_ENDPOINT_REGION : undefined);
  const shared: S3ClientConfig = {
    maxAttempts: 1, // 2
    logger: quietLogger(log),
    forcePathStyle: location.forcePathStyle,
    expectContinueHeader: false, // 4
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(custom // 3
      ? { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }
      : {}),
    ...(credentials && { credentials: plain(credentials) }),
  };
  const choice = (sockets: number, reads = false): ConnectionChoice =>
    new ConnectionChoice(sockets, log, onSent, reads);
  const [appends, reads] = [choice(APPEND_SOCKETS), choice(READ_SOCKETS, true)];
  const append = new S3Client({ ...shared, requestHandler: asRequestHandler(appends) });
  const { credentials: chain } = append.config; // one chain, asked once
  const other = (connections: ConnectionChoice): S3Client =>
    new S3Client({ ...shared, credentials: chain, requestHandler: asRequestHandler(connections) });
  const { endpoint, bucket, forcePathStyle } = location;
  const directly = (connections: ConnectionChoice): DirectRequests =>
    new DirectRequests({
      endpoint: endpoint!,
      bucket,
      region: region!,
      config: append.config,
      connections,
      clock,
    });
  return {
    append,
    upload: other(choice(UPLOAD_SOCKETS)),
    read: other(reads),
    direct: custom && forcePathStyle ? { append: directly(appends), read: directly(reads) } : undefined,
  };
}

/** The SDK warns on the console that it does not repeat a failed upload, which is as it should be (2). */
function quietLogger(log: Logger): NonNullable<S3ClientConfig['logger']> {
  const quiet = (): void => undefined;
  const warn = (...words: unknown[]): void =>
    log.debug('the S3 client has remarked', { words: words.map(String).join(' ') });
  return { trace: quiet, debug: quiet, info: quiet, warn, error: quiet };
}

function plain(credentials: S3Credentials): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
