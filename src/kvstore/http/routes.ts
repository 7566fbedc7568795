/**
 * The routes. Each turns a request into a Command or Query, and the answer into bytes and headers.
 *
 *   PUT    /v1/kv/<key>   value as raw body            -> {"pairs": 1}
 *   GET    /v1/kv/<key>   [?consistency=stale]         -> the value, raw
 *   DELETE /v1/kv/<key>                                -> {"deleted": bool}
 *   POST   /v1/batch      {"pairs": [{key, value}]}    -> {"pairs": n}      all or nothing
 *   POST   /v1/cas        {key, expected, value}       -> {"swapped": bool}
 *   GET    /v1/kv?prefix=&start=&limit=                -> {"pairs": [{key, value}], "next": key to go on from}
 *   GET    /v1/kv?key=&key=                            -> {"values": [{value} or null]}, position by position
 *
 * R1  A mutation is answered after it is durable; its Holdfast-Request-Id comes back. Without one the server makes one, so that a retry of the
 *     client is a new request.
 * R2  A read carries Holdfast-Applied-Index, and Holdfast-Lag-Bytes ("unknown" until a standby has seen the head of the log).
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { deadline, toHex, type Clock, type Random } from '../../base/index.ts';
import { checkCommand, type Command } from '../command.ts';
import { KvError } from '../errors.ts';
import { MAX_MULTI_GET_BYTES, MAX_REQUEST_ID_LENGTH, MAX_VALUE_BYTES } from '../limits.ts';
import { type KvService, type ReadResult, type Values } from '../service.ts';
import { type Page } from '../engine/types.ts';
import { batchFromJson, casFromJson, toJsonBytes } from './json-bytes.ts';
import { consistencyInTarget, keyInTarget, noParametersInTarget, queryInTarget } from './target.ts';

export const REQUEST_ID_HEADER = 'holdfast-request-id';
export const APPLIED_INDEX_HEADER = 'holdfast-applied-index';
export const LAG_BYTES_HEADER = 'holdfast-lag-bytes';

/** Where the server sends every target under /v1/kv/ (H3). No client needs it: asked for by itself it names no key. */
export const INNER_KEY_PATH = '/v1/key';

/** Bytes of randomness in a request id the server makes: 128 bits never meet twice. */
const MADE_REQUEST_ID_BYTES = 16;

interface RouteContext {
  readonly service: KvService;
  readonly clock: Clock;
  readonly random: Random;
  readonly requestDeadlineMs: number;
}

export function addRoutes(server: FastifyInstance, context: RouteContext): void {
  void server.register((scope, _options, done) => {
    // Values are bytes whatever the client calls them.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    addKeyRoutes(scope, context);
    done();
  });
  server.post('/v1/batch', (request, reply) => write(context, request, reply, batchFromJson(request.body)));
  server.post('/v1/cas', (request, reply) => write(context, request, reply, casFromJson(request.body)));
  server.get('/v1/kv', async (request, reply) => {
    const { query, consistency } = queryInTarget(request.originalUrl);
    const result = await read(context, (signal) => context.service.read(query, consistency, signal));
    describe(reply, result);
    return answerJson(result.answer as Values | Page); // the target says get or page
  });
}

function addKeyRoutes(scope: FastifyInstance, context: RouteContext): void {
  scope.put(INNER_KEY_PATH, { bodyLimit: MAX_VALUE_BYTES }, (request, reply) => {
    const value = Buffer.isBuffer(request.body) ? request.body : new Uint8Array();
    return write(context, request, reply, {
      kind: 'put',
      pairs: [{ key: keyInTarget(request.originalUrl), value }],
    });
  });
  scope.delete(INNER_KEY_PATH, (request, reply) =>
    write(context, request, reply, { kind: 'delete', key: keyInTarget(request.originalUrl) }),
  );
  scope.get(INNER_KEY_PATH, async (request, reply) => {
    const key = keyInTarget(request.originalUrl);
    const consistency = consistencyInTarget(request.originalUrl);
    const result = await read(context, (signal) =>
      context.service.read({ kind: 'get', keys: [key] }, consistency, signal),
    );
    describe(reply, result);
    const value = result.answer[0];
    if (!value) throw new KvError('KEY_NOT_FOUND', 'There is no such key.');
    return reply.type('application/octet-stream').send(value);
  });
}

async function write(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  command: Command,
): Promise<Record<string, number | boolean>> {
  noParametersInTarget(request.originalUrl);
  const requestId = requestIdOf(request, context.random);
  checkCommand(command);
  reply.header(REQUEST_ID_HEADER, requestId); // R1
  const limit = deadline(context.clock, context.requestDeadlineMs, 'the write');
  try {
    const result = await context.service.write(command, requestId, limit.signal);
    return writeAnswer(command, result);
  } finally {
    limit.clear();
  }
}

function writeAnswer(command: Command, result: number): Record<string, number | boolean> {
  if (command.kind === 'put') return { pairs: result };
  return command.kind === 'delete' ? { deleted: result === 1 } : { swapped: result === 1 };
}

async function read<T>(context: RouteContext, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = deadline(context.clock, context.requestDeadlineMs, 'the read');
  try {
    return await work(limit.signal);
  } finally {
    limit.clear();
  }
}

function describe(reply: FastifyReply, result: ReadResult<unknown>): void {
  reply.header(APPLIED_INDEX_HEADER, result.appliedIndex);
  reply.header(LAG_BYTES_HEADER, result.lagBytes ?? 'unknown'); // R2
}

function answerJson(answer: Values | Page): Record<string, unknown> {
  if (!('pairs' in answer)) {
    const bytes = answer.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    if (bytes > MAX_MULTI_GET_BYTES)
      throw new KvError('TOO_LARGE', `The values have ${bytes} bytes together. Read fewer keys at once.`);
    return { values: answer.map((value) => (value ? toJsonBytes('value', value) : null)) };
  }
  return {
    pairs: answer.pairs.map(({ key, value }) => ({
      ...toJsonBytes('key', key),
      ...toJsonBytes('value', value),
    })),
    ...(answer.next ? toJsonBytes('next', answer.next) : {}),
  };
}

/** The client's request id, or a new one (R1). @throws KvError INVALID_REQUEST_ID */
function requestIdOf(request: FastifyRequest, random: Random): string {
  const given = request.headers[REQUEST_ID_HEADER];
  if (given === undefined) return toHex(random.bytes(MADE_REQUEST_ID_BYTES));
  if (typeof given === 'string' && given.length <= MAX_REQUEST_ID_LENGTH && /^[\x21-\x7e]+$/.test(given))
    return given;
  throw new KvError(
    'INVALID_REQUEST_ID',
    `A request id has 1 to ${MAX_REQUEST_ID_LENGTH} printable ASCII characters without spaces.`,
  );
}
