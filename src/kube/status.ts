/**
 * status: from an HTTP answer that is no success to a KubeError.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { KubeError, type KubeErrorCode } from './errors.ts';

interface Status {
  readonly reason: string;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

/** Longest text of a Status that gets into one of our messages, characters. */
const MAX_TEXT = 1000;

/** The error that a failed answer means. Of a body that is no Status nothing is told but its length: it may be anything, a secret included. */
export function failureOf(status: number, headers: IncomingHttpHeaders, body: string): KubeError {
  const said = parseStatus(body);
  const { code, retryable } = classify(status, said.reason);
  const header = Number(headers['retry-after']);
  const seconds = Number.isFinite(header) && header >= 0 ? header : said.retryAfterSeconds;
  return new KubeError(
    code,
    `The API server answered ${status}${said.reason && ` ${said.reason}`}: ${said.message}`,
    {
      status,
      retryable,
      retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
      fields: { reason: said.reason },
    },
  );
}

/** Status of an ERROR event on a watch. */
export function failureOfEvent(object: unknown): KubeError {
  const status =
    typeof object === 'object' && object !== null && 'code' in object && typeof object.code === 'number'
      ? object.code
      : 500;
  return failureOf(status, {}, JSON.stringify(object) ?? ''); // an event may lack its object
}

function classify(
  status: number,
  reason: string,
): { readonly code: KubeErrorCode; readonly retryable: boolean } {
  switch (status) {
    case 401:
      return { code: 'KUBE_UNAUTHORIZED', retryable: true }; // a token that is being renewed
    case 403:
      return { code: 'KUBE_FORBIDDEN', retryable: true }; // rights may come: a role that is applied after the pod
    case 404:
      return { code: 'KUBE_NOT_FOUND', retryable: false };
    case 409:
      return reason === 'AlreadyExists'
        ? { code: 'KUBE_ALREADY_EXISTS', retryable: false }
        : { code: 'KUBE_CONFLICT', retryable: false };
    case 410:
      return { code: 'KUBE_EXPIRED', retryable: false };
    case 413:
      return { code: 'KUBE_TOO_LARGE', retryable: false };
    case 400:
    case 405:
    case 415:
    case 422:
      return { code: 'KUBE_INVALID', retryable: false };
    case 429:
      return { code: 'KUBE_TOO_MANY_REQUESTS', retryable: true };
    default:
      return status >= 500
        ? { code: 'KUBE_SERVER_ERROR', retryable: true }
        : { code: 'KUBE_BAD_RESPONSE', retryable: false };
  }
}

function parseStatus(body: string): Status {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === 'Status') {
      const { reason, message, details } = parsed as Record<string, unknown>;
      const after = (details as { retryAfterSeconds?: unknown } | undefined)?.retryAfterSeconds;
      return {
        reason: typeof reason === 'string' ? reason : '',
        message: typeof message === 'string' ? message.slice(0, MAX_TEXT) : 'no message',
        retryAfterSeconds: typeof after === 'number' ? after : undefined,
      };
    }
  } catch {
    // not a Status: a proxy's page, say
  }
  const message = `${body.length} characters that are no Status`;
  return { reason: '', message, retryAfterSeconds: undefined };
}
