/**
 * By what a mutation that comes twice is known to be the same: a request id, or its place in a client session.
 *
 * I1  A mutation carries one of them or none, never both. One that carries none is a new one whenever it is sent: nothing is remembered of it.
 * I2  The parts of a session are decimal numbers below 2^64; series begin at 1.
 */
import { KvError } from '../errors.ts';
import { MAX_REQUEST_ID_LENGTH } from '../limits.ts';
import { REQUEST_ID_HEADER, RESPONDED_TO_HEADER, SERIES_HEADER, SESSION_HEADER } from './headers.ts';

export type IdempotencyKey =
  | { readonly kind: 'none' }
  | { readonly kind: 'request'; readonly requestId: string }
  | {
      readonly kind: 'session';
      readonly clientId: bigint;
      readonly series: bigint;
      /** Every series up to this one is answered and may be forgotten. */
      readonly respondedTo: bigint;
    };

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const NONE: IdempotencyKey = { kind: 'none' };
/** 2^64-2 and 2^64-1 mean register and unregister in the log (seeds.md F4.19). */
const MOST_SERIES: bigint = 2n ** 64n - 3n;

/** What a mutation carries (I1). @throws KvError INVALID_REQUEST_ID, INVALID_SESSION */
export function identityOf(headers: Headers): IdempotencyKey {
  const requestId = headers[REQUEST_ID_HEADER];
  const session = headers[SESSION_HEADER];
  if (session === undefined)
    return requestId === undefined ? NONE : { kind: 'request', requestId: checkedRequestId(requestId) };
  if (requestId !== undefined)
    throw new KvError('INVALID_SESSION', 'Send a request id or a session, not both.');
  const series = numberIn(headers, SERIES_HEADER);
  const respondedTo =
    headers[RESPONDED_TO_HEADER] === undefined ? 0n : numberIn(headers, RESPONDED_TO_HEADER);
  return checkIdentity({ kind: 'session', clientId: sessionNumber(session), series, respondedTo });
}

/** Checks an identity that came from a client in whatever form. @throws KvError INVALID_REQUEST_ID, INVALID_SESSION */
export function checkIdentity(key: IdempotencyKey): IdempotencyKey {
  if (key.kind === 'request') checkedRequestId(key.requestId);
  if (key.kind !== 'session') return key;
  const { clientId, series, respondedTo } = key;
  if (clientId === 0n) throw noSession();
  if (series === 0n || series > MOST_SERIES || respondedTo >= series)
    throw new KvError(
      'INVALID_SESSION',
      `Series are numbers from 1 to ${MOST_SERIES}, and Holdfast-Responded-To is below the series that carries it.`,
    );
  return key;
}

/** The headers that say the same. */
export function identityHeaders(key: IdempotencyKey): Record<string, string> {
  if (key.kind === 'none') return {};
  if (key.kind === 'request') return { [REQUEST_ID_HEADER]: key.requestId };
  return {
    [SESSION_HEADER]: String(key.clientId),
    [SERIES_HEADER]: String(key.series),
    [RESPONDED_TO_HEADER]: String(key.respondedTo),
  };
}

/** The number of a session, from a header or a path. @throws KvError INVALID_SESSION */
export function sessionNumber(text: unknown): bigint {
  const number = unsigned(text);
  if (number === undefined || number === 0n) throw noSession();
  return number;
}

function noSession(): KvError {
  return new KvError('INVALID_SESSION', 'A session is the number that POST /v1/sessions gave.');
}

function numberIn(headers: Headers, name: string): bigint {
  const number = unsigned(headers[name]);
  if (number === undefined)
    throw new KvError('INVALID_SESSION', `${name} is a decimal number up to ${MOST_SERIES}.`);
  return number;
}

/** I2. */
function unsigned(text: unknown): bigint | undefined {
  if (typeof text !== 'string' || !/^[0-9]{1,20}$/.test(text)) return undefined;
  const number = BigInt(text);
  return number < 2n ** 64n ? number : undefined;
}

function checkedRequestId(given: unknown): string {
  if (typeof given === 'string' && given.length <= MAX_REQUEST_ID_LENGTH && /^[\x21-\x7e]+$/.test(given))
    return given;
  throw new KvError(
    'INVALID_REQUEST_ID',
    `A request id has 1 to ${MAX_REQUEST_ID_LENGTH} printable ASCII characters without spaces.`,
  );
}
