/**
 * Whatever a request can fail with, in the words of the HTTP contract.
 *
 * E1  What is not known here is a fault of ours: INTERNAL, of which the client is told nothing and the log everything.
 */
import { ServiceError } from '../../service/index.ts';
import {
  AheadError,
  BackupError,
  BusyError,
  ClosedError,
  DivergedError,
  GapError,
} from '../engine/errors.ts';
import { StoreError, StoreUrlError } from '../../store/index.ts';
import { KvError, KvFormatError } from '../errors.ts';
import type { JsonObject } from './json-bytes.ts';

/** What the framework adds to errors of its own. */
interface Failure extends Error {
  readonly statusCode?: number;
}

/** E1. */
export function toKvError(error: Failure): KvError {
  if (error instanceof KvError) return error;
  return serviceError(error) ?? engineError(error) ?? frameworkError(error);
}

/** What a client is told of an error: its status, the primary's URL where it is known, and the JSON of the answer. */
export function toldOf(error: KvError): {
  readonly status: number;
  readonly primary: string | undefined;
  readonly body: JsonObject;
} {
  const { primary, ...details } = error.details;
  return {
    status: error.status,
    primary: typeof primary === 'string' ? primary : undefined,
    body: { code: error.code, message: error.message, ...details },
  };
}

function serviceError(error: Error): KvError | undefined {
  if (!(error instanceof ServiceError)) return undefined;
  const { code, message } = error;
  return new KvError(code === 'INVALID_COMMAND' ? 'TOO_LARGE' : code, message, { cause: error });
}

function engineError(error: Error): KvError | undefined {
  const { message } = error;
  if (error instanceof BusyError) return new KvError('BUSY', message, { cause: error });
  if (error instanceof ClosedError)
    return new KvError('NOT_PRIMARY', 'This replica is closing. Ask the primary.', { cause: error });
  if (isOfBackup(error)) return new KvError('BACKUP_FAILED', message, { cause: error });
  if (error instanceof GapError)
    return new KvError('CHANGES_GAP', message, { cause: error, details: { oldest: error.oldestAvailable } });
  if (error instanceof AheadError)
    return new KvError('CHANGES_AHEAD', message, { cause: error, details: { latest: error.latest } });
  if (error instanceof DivergedError) return new KvError('CHANGES_DIVERGED', message, { cause: error });
  return undefined;
}

/** A store that is asked for in a request, or a backup in it: only these routes touch one. */
function isOfBackup(error: Error): boolean {
  return [BackupError, StoreError, StoreUrlError, KvFormatError].some((kind) => error instanceof kind);
}

/** Errors of the framework itself, in our words. */
function frameworkError(error: Failure): KvError {
  if (error.statusCode === 413)
    return new KvError('TOO_LARGE', 'The body is larger than this request allows.', { cause: error });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new KvError('INVALID_BODY', `The request is not understood: ${error.message}`, { cause: error });
  return new KvError('INTERNAL', 'The request failed by a fault of the server; its log says more.', {
    cause: error,
  });
}
