/**
 * From what the SDK throws to a Failure (data for classify.ts) and to a StoreError with the evidence.
 */
import { errorCode } from '../../base/index.ts';
import { StoreError } from '../errors.ts';
import { classify, type Failure } from './classify.ts';

/** What the SDK and Node put on their errors. Read by shape: such an error may come from another realm, where instanceof fails. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly cause?: unknown;
  /** Of an AggregateError: one for each address that was tried. */
  readonly errors?: readonly unknown[];
  readonly $metadata?: {
    readonly httpStatusCode?: number;
    readonly requestId?: string;
    readonly extendedRequestId?: string;
  };
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
}

/** Where a request went and what for. */
export interface RequestPlace {
  readonly url: string;
  readonly operation: string;
  readonly key: string;
}

/** The facts of a failed request. */
export function failureOf(thrown: unknown): Failure {
  const error = shape(thrown);
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode;
  if (status !== undefined) return { status, code: error.name };
  return { status, code: errorCode(deepest(error)) ?? error.name };
}

/** A header of the answer that came with a failure; names in lower case. */
export function failureHeader(thrown: unknown, name: string): string | undefined {
  return shape(thrown).$response?.headers?.[name];
}

/** The error for a failed request; one that is a StoreError already gets the place. `attempts`: how often it was tried. */
export function s3Error(thrown: unknown, place: RequestPlace, attempts = 1): StoreError {
  if (thrown instanceof StoreError) return placed(thrown, place, attempts);
  const error = shape(thrown);
  const failure = failureOf(thrown);
  const { code, retryable, say } = classify(failure);
  const { url, operation, key } = place;
  const cause = deepest(error);
  const detail = [failure.status === undefined ? cause.message : `status ${failure.status}`, failure.code]
    .filter((part) => part !== undefined && part !== '')
    .join(', ');
  const object = key === '' ? url : `${key} at ${url}`;
  return new StoreError(code, `${say} (${operation} of ${object}: ${detail}).`, {
    retryable,
    fields: {
      url,
      operation,
      key,
      status: failure.status,
      storeCode: failure.code,
      requestId: error.$metadata?.requestId,
      extendedRequestId: error.$metadata?.extendedRequestId,
      attempts,
    },
    cause: thrown,
  });
}

function placed(error: StoreError, place: RequestPlace, attempts: number): StoreError {
  if ('operation' in error.fields) return error;
  return new StoreError(error.code, `${error.message} (${place.operation} of ${place.key} at ${place.url})`, {
    retryable: error.retryable,
    fields: { ...place, ...error.fields, attempts },
    cause: error.cause,
  });
}

function shape(thrown: unknown): SdkError {
  return typeof thrown === 'object' && thrown !== null ? thrown : { message: String(thrown) };
}

/** The system error inside an AggregateError or a wrapper. */
function deepest(error: SdkError): SdkError {
  if (errorCode(error) !== undefined) return error;
  const inner = error.errors?.[0] ?? error.cause;
  return typeof inner === 'object' && inner !== null ? deepest(inner) : error;
}
