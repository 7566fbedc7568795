/**
 * The routes of keys and values.
 *
 * R1  A mutation is answered after it is durable. Its identity is its place in a session or its request id, which comes back; without either, sending it again is a
 *     new request.
 * R2  A read carries Holdfast-Applied-Index, and Holdfast-Lag-Bytes ("unknown" until a standby has seen the head of the log).
 * R3  The path of a put does nothing that its answer does not need: its value goes from the socket to the log as it came, and the answer is made once for all.
 */
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { checkCommand, type Command, type Pair } from '../command.ts';
import { type Page, type QueryAnswer } from '../engine/types.ts';
import { KvError } from '../errors.ts';
import { MAX_MULTI_GET_BYTES, MAX_VALUE_BYTES } from '../limits.ts';
import { type Query, type ReadResult } from '../service.ts';
import {
  APPLIED_INDEX_HEADER,
  EXPIRES_AT_HEADER,
  JSON_TYPE,
  LAG_BYTES_HEADER,
  OCTETS,
  REQUEST_ID_HEADER,
  RESPONDED_TO_HEADER,
  SERIES_HEADER,
  SESSION_HEADER,
} from './headers.ts';
import { identityOf } from './identity.ts';
import { toJsonBytes, type JsonObject } from './json-bytes.ts';
import { batchFromJson, casFromJson, expiryOf, expiryToJson, pairToJson } from './json-commands.ts';
import { MAX_JSON_BODY_BYTES } from './limits.ts';
import { jsonBody } from './json-body.ts';
import { type QueryParameter, type Route, type RouteContext } from './route.ts';
import { batchBody, casAnswer, casBody, deleteAnswer, putAnswer, readAnswer } from './schemas.ts';
import { consistencyIn, integerIn, keyInTarget, parametersIn, queryIn, type ListQuery } from './target.ts';

const CONSISTENCY: Readonly<Record<string, QueryParameter>> = {
  consistency: {
    type: ['linearizable', 'stale'],
    description:
      'linearizable (the default): sees every write acknowledged before, at the primary only. stale: what this replica has applied.',
  },
};
const EXPIRY: Readonly<Record<string, QueryParameter>> = {
  ttlMs: { type: 'integer', description: 'How long the pair exists, milliseconds.' },
  expiresAt: {
    type: 'integer',
    description: 'When the pair ends to exist, milliseconds since 1970; instead of ttlMs. 0: never.',
  },
};
const IDENTITY: Readonly<Record<string, string>> = {
  [REQUEST_ID_HEADER]:
    'An idempotency key: sent again, the request has its first answer and no second effect.',
  [SESSION_HEADER]: 'Instead of a request id: the number that POST /v1/sessions gave.',
  [SERIES_HEADER]: 'Which mutation of the session this is: 1, 2, 3 …, the same for every attempt.',
  [RESPONDED_TO_HEADER]: 'Every series up to this one is answered, and its result need not be kept.',
};
const READ_HEADERS = [APPLIED_INDEX_HEADER, LAG_BYTES_HEADER];
const WRITE_ERRORS = [
  'INVALID_KEY',
  'INVALID_REQUEST_ID',
  'INVALID_SESSION',
  'NOT_PRIMARY',
  'REQUEST_ID_REUSED',
  'SESSION_UNKNOWN',
  'SERIES_ANSWERED',
  'NOT_APPENDED',
  'OUTCOME_UNKNOWN',
  'BUSY',
] as const;
const READ_ERRORS = ['NOT_PRIMARY', 'READ_NOT_CONFIRMED', 'BUSY'] as const;

/** The answer of a put of one pair (R3). */
const PUT_ONE = '{"pairs":1}';
const NOTHING = new Uint8Array();

const put: Route = {
  method: 'PUT',
  path: '/v1/kv/{key}',
  operationId: 'put',
  summary: 'Set a value',
  description: 'Sets the value of a key; answered when it is durable.',
  query: EXPIRY,
  headers: IDENTITY,
  body: { kind: 'bytes', maxBytes: MAX_VALUE_BYTES, description: 'The value, as it is.' },
  answer: { kind: 'json', schema: putAnswer, headers: [REQUEST_ID_HEADER], description: 'It is set.' },
  errors: WRITE_ERRORS,
  handle: async (context, request, reply) => {
    const target = request.originalUrl;
    const value = Buffer.isBuffer(request.body) ? request.body : NOTHING;
    const pair = { key: keyInTarget(target), value, ...expiryInTarget(context, target) };
    await write(context, request, reply, { kind: 'put', pairs: [pair] });
    return sendJson(reply, PUT_ONE);
  },
};

const remove: Route = {
  method: 'DELETE',
  path: '/v1/kv/{key}',
  operationId: 'delete',
  summary: 'Delete a key',
  description: 'Deletes a key; to delete one that is not there is no mistake.',
  query: {},
  headers: IDENTITY,
  answer: { kind: 'json', schema: deleteAnswer, headers: [REQUEST_ID_HEADER], description: 'It is gone.' },
  errors: WRITE_ERRORS,
  handle: async (context, request, reply) => {
    parametersIn(request.originalUrl, remove.query);
    const key = keyInTarget(request.originalUrl);
    const result = await write(context, request, reply, { kind: 'delete', key });
    return sendJson(reply, JSON.stringify({ deleted: result === 1 }));
  },
};

const get: Route = {
  method: 'GET',
  path: '/v1/kv/{key}',
  operationId: 'get',
  summary: 'Read a value',
  description: 'The value of one key, as it was put.',
  query: CONSISTENCY,
  headers: {},
  answer: { kind: 'bytes', headers: [...READ_HEADERS, EXPIRES_AT_HEADER], description: 'The value.' },
  errors: ['INVALID_KEY', 'KEY_NOT_FOUND', ...READ_ERRORS],
  handle: async (context, request, reply) => {
    const key = keyInTarget(request.originalUrl);
    const result = await read(context, get, request, { kind: 'pairs', keys: [key] });
    describe(reply, result);
    const pair = result.answer[0];
    if (!pair) throw new KvError('KEY_NOT_FOUND', 'There is no such key.');
    if (pair.expiresAt) reply.header(EXPIRES_AT_HEADER, pair.expiresAt);
    return reply.header('content-type', OCTETS).send(pair.value);
  },
};

const batch: Route = {
  method: 'POST',
  path: '/v1/batch',
  operationId: 'batch',
  summary: 'Set several values',
  description: 'Sets all pairs or none; of equal keys the last one wins.',
  query: {},
  headers: IDENTITY,
  body: { kind: 'json', schema: batchBody, maxBytes: MAX_JSON_BODY_BYTES, description: 'The pairs.' },
  answer: { kind: 'json', schema: putAnswer, headers: [REQUEST_ID_HEADER], description: 'They are set.' },
  errors: WRITE_ERRORS,
  handle: async (context, request, reply) => {
    parametersIn(request.originalUrl, batch.query);
    const command = batchFromJson(jsonBody(request), context.clock.wallMs());
    const pairs = await write(context, request, reply, command);
    return sendJson(reply, JSON.stringify({ pairs }));
  },
};

const cas: Route = {
  method: 'POST',
  path: '/v1/cas',
  operationId: 'compareAndSet',
  summary: 'Set a value if the key holds what is expected',
  description:
    'A key that does not match, or is missing, is no error: swapped is false then, and nothing is changed.',
  query: {},
  headers: IDENTITY,
  body: {
    kind: 'json',
    schema: casBody,
    maxBytes: MAX_JSON_BODY_BYTES,
    description: 'What is expected, and what to set.',
  },
  answer: {
    kind: 'json',
    schema: casAnswer,
    headers: [REQUEST_ID_HEADER],
    description: 'Whether it was set.',
  },
  errors: WRITE_ERRORS,
  handle: async (context, request, reply) => {
    parametersIn(request.originalUrl, cas.query);
    const command = casFromJson(jsonBody(request), context.clock.wallMs());
    const result = await write(context, request, reply, command);
    return sendJson(reply, JSON.stringify({ swapped: result === 1 }));
  },
};

const list: Route = {
  method: 'GET',
  path: '/v1/kv',
  operationId: 'list',
  summary: 'Read several keys, or a page of a prefix',
  description:
    'With key: the values of these keys, position by position. Without: a page of pairs in ascending order, one point in time.',
  query: {
    key: { type: 'bytes', repeats: true, description: 'A key to read; give it once for each.' },
    prefix: { type: 'bytes', description: 'Only keys that begin so.' },
    start: { type: 'bytes', description: 'Only keys at or after this one; it begins with the prefix.' },
    limit: { type: 'integer', description: 'Most pairs in the page.' },
    ...CONSISTENCY,
  },
  headers: {},
  answer: { kind: 'json', schema: readAnswer, headers: READ_HEADERS, description: 'Values or a page.' },
  errors: ['INVALID_KEY', ...READ_ERRORS],
  handle: async (context, request, reply) => {
    const query = queryIn(parametersIn(request.originalUrl, list.query));
    const result = await read(context, list, request, query);
    describe(reply, result);
    const { answer } = result;
    return sendJson(reply, JSON.stringify(isPage(answer) ? pageJson(answer) : valuesJson(query, answer)));
  },
};

export const KV_ROUTES: readonly Route[] = [put, get, remove, list, batch, cas];

/** Makes a command durable (R1). */
async function write(
  { service, deadlines }: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  command: Command,
): Promise<number> {
  const identity = identityOf(request.headers);
  checkCommand(command);
  if (identity.kind === 'request') reply.header(REQUEST_ID_HEADER, identity.requestId);
  return await deadlines.write.within(service.write(command, identity));
}

async function read<Q extends Query>(
  { service, deadlines }: RouteContext,
  route: Route,
  request: FastifyRequest,
  query: Q,
): Promise<ReadResult<QueryAnswer<Q>>> {
  const consistency = consistencyIn(parametersIn(request.originalUrl, route.query));
  return await deadlines.read.within(service.read(query, consistency));
}

function expiryInTarget({ clock }: RouteContext, target: string): { readonly expiresAt?: number } {
  const parameters = parametersIn(target, EXPIRY);
  if (parameters.size === 0) return {};
  if (parameters.size > 1) throw new KvError('INVALID_QUERY', 'Give ttlMs or expiresAt, not both.');
  return expiryOf(
    integerIn(parameters, 'expiresAt', 0, Number.MAX_SAFE_INTEGER),
    integerIn(parameters, 'ttlMs', 1, Number.MAX_SAFE_INTEGER),
    clock.wallMs(),
  );
}

/** R2. */
function describe(reply: FastifyReply, result: ReadResult<unknown>): void {
  reply.header(APPLIED_INDEX_HEADER, result.appliedIndex);
  reply.header(LAG_BYTES_HEADER, result.lagBytes ?? 'unknown');
}

function sendJson(reply: FastifyReply, json: string): FastifyReply {
  return reply.header('content-type', JSON_TYPE).send(json);
}

function isPage(answer: Page | readonly (Pair | undefined)[]): answer is Page {
  return !Array.isArray(answer);
}

function pageJson({ pairs, next }: Page): JsonObject {
  return { pairs: pairs.map(pairToJson), ...(next ? toJsonBytes('next', next) : {}) };
}

function valuesJson(query: ListQuery, answer: readonly (Pair | undefined)[]): JsonObject {
  if (query.kind === 'pairs' && answer.length < query.keys.length)
    throw new KvError(
      'TOO_LARGE',
      `Only ${answer.length} of ${query.keys.length} values have room in an answer of at most ${MAX_MULTI_GET_BYTES} bytes. Read fewer keys at once.`,
    );
  return {
    values: answer.map((pair) =>
      pair ? { ...toJsonBytes('value', pair.value), ...expiryToJson(pair.expiresAt) } : null,
    ),
  };
}
