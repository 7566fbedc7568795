/**
 * The HTTP face of the store: the only file here that knows the framework's request cycle.
 *
 * H1  Every answer that is not a success is JSON {code, message}, with the code's status from errors.ts. Nothing internal leaks.
 * H2  A request is admitted before its body is read (M1) and answered within the deadline; a backup, a restore and a snapshot's stream end with their client instead.
 * H3  Keys are bytes: targets under /v1/kv/ reach one route unparsed and are decoded by target.ts.
 * H4  Bodies are bytes, whatever their type says; a route that takes JSON reads it itself.
 */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import {
  DURATION_BUCKETS_SECONDS,
  type Clock,
  type Logger,
  type Metrics,
  type Random,
} from '../../base/index.ts';
import { KvError } from '../errors.ts';
import { type KvService } from '../service.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { Deadlines } from './deadlines.ts';
import { toldOf, toKvError } from './failures.ts';
import { JSON_TYPE, KEY_PATH, PRIMARY_HEADER } from './headers.ts';
import { MAX_JSON_BODY_BYTES, MAX_SNAPSHOT_STREAMS } from './limits.ts';
import { type Route, type RouteContext } from './route.ts';
import { ROUTES } from './table.ts';

export interface KvServerOptions {
  readonly service: KvService;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: AdmissionLimits;
  /** Longest time a request waits for the log, ms. */
  readonly requestDeadlineMs: number;
}

/** Where every target under /v1/kv/ is sent (H3). No client needs it: asked for by itself it names no key. */
const INNER_KEY_PATH = '/v1/key';
/** Longest time a client may take to send a request, ms: a slow sender must not hold a place for ever. */
const RECEIVE_TIMEOUT_MS = 30_000;
/** How long an idle connection is kept, ms: longer than common clients keep theirs, so that the client is the one who closes. */
const KEEP_ALIVE_MS = 65_000;
/** Seconds after which a refused or failed request may be tried again. */
const RETRY_AFTER_SECONDS = 1;

const RETRYABLE = new Set([421, 429, 503]);

/** Builds the server; the caller listens and closes. */
export function makeServer(options: KvServerOptions): FastifyInstance {
  const server = fastify({
    rewriteUrl: (request) => (request.url?.startsWith(KEY_PATH) ? INNER_KEY_PATH : (request.url ?? '/')), // H3
    bodyLimit: MAX_JSON_BODY_BYTES,
    requestTimeout: RECEIVE_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false, // the application itself answers NOT_PRIMARY while it closes (H1)
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
    genReqId: () => '', // nobody looks at the framework's own ids, and it makes one a request
  });
  server.setErrorHandler((error: Error, request, reply) =>
    sendError(toKvError(error), reply, options.log, request),
  );
  server.setNotFoundHandler((request, reply) =>
    sendError(
      new KvError('ROUTE_NOT_FOUND', `There is no ${request.method} at this path.`),
      reply,
      options.log,
      request,
    ),
  );
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body)); // H4
  addAdmission(server, options.admission);
  const context = contextOf(options, addMetrics(server, options));
  for (const route of ROUTES) addRoute(server, route, context);
  return server;
}

function addRoute(server: FastifyInstance, route: Route, context: RouteContext): void {
  server.route({
    method: route.method,
    url: route.path === `${KEY_PATH}{key}` ? INNER_KEY_PATH : route.path.replace(/\{(\w+)\}/, ':$1'),
    ...(route.body ? { bodyLimit: route.body.maxBytes } : {}),
    handler: (request, reply) => route.handle(context, request, reply),
  });
}

function contextOf(
  { service, log, clock, random, requestDeadlineMs }: KvServerOptions,
  answered: RouteContext['answered'],
): RouteContext {
  let document: Promise<string> | undefined;
  return {
    service,
    log,
    answered,
    clock,
    random,
    deadlines: {
      write: new Deadlines(clock, requestDeadlineMs, () => new KvError('OUTCOME_UNKNOWN', LATE_WRITE)),
      read: new Deadlines(clock, requestDeadlineMs, () => new KvError('READ_NOT_CONFIRMED', LATE_READ)),
    },
    snapshots: new Admission({ requests: MAX_SNAPSHOT_STREAMS, bodyBytes: 0 }),
    document: () =>
      (document ??= import('./openapi.ts').then(({ openApiOf }) => JSON.stringify(openApiOf(ROUTES)))),
  };
}

const LATE_WRITE =
  'The log did not confirm the write in time; it may have been made. Send it again with the same request id or series to the current primary.';
const LATE_READ = 'The store did not confirm in time that this replica still is the primary.';

function sendError(error: KvError, reply: FastifyReply, log: Logger, request: FastifyRequest): FastifyReply {
  if (error.code === 'INTERNAL')
    log.error('A request failed by a fault of ours.', { method: request.method, error });
  if (RETRYABLE.has(error.status)) reply.header('Retry-After', RETRY_AFTER_SECONDS);
  const { status, primary, body } = toldOf(error);
  if (primary !== undefined) reply.header(PRIMARY_HEADER, primary);
  return reply.code(status).header('content-type', JSON_TYPE).send(JSON.stringify(body)); // H1
}

function addAdmission(server: FastifyInstance, limits: AdmissionLimits): void {
  const admission = new Admission(limits);
  server.addHook('onRequest', (request, reply, done) => {
    const leave = admission.enter(bodyBytesOf(request));
    if (!leave) {
      done(
        new KvError('OVERLOADED', 'The server has as many requests under way as it takes. Try again later.'),
      );
      return;
    }
    reply.raw.once('close', leave);
    done();
  });
}

/** What a request may send: what it announces, or, sent in chunks of unknown number, as much as is allowed. */
function bodyBytesOf(request: FastifyRequest): number {
  const announced = request.headers['content-length'];
  if (announced !== undefined) return Math.min(Number(announced) || 0, MAX_JSON_BODY_BYTES);
  return request.headers['transfer-encoding'] === undefined ? 0 : MAX_JSON_BODY_BYTES;
}

function addMetrics(server: FastifyInstance, { metrics }: KvServerOptions): RouteContext['answered'] {
  const requests = metrics.counter({
    name: 'holdfast_kv_requests_total',
    help: 'Requests answered, by method and status; a bulk counts, and so does each of its operations.',
    labels: ['method', 'status'],
  });
  const seconds = metrics.histogram({
    name: 'holdfast_kv_request_seconds',
    help: 'Time from the arrival of a request to its answer.',
    labels: ['method'],
    buckets: DURATION_BUCKETS_SECONDS,
  });
  server.addHook('onResponse', (request, reply, done) => {
    const method = KNOWN_METHODS.has(request.method) ? request.method : 'other';
    requests.add(1, { method, status: String(reply.statusCode) });
    seconds.observe(reply.elapsedTime / 1000, { method });
    done();
  });
  return (method, status, times) => requests.add(times, { method, status: String(status) });
}

/** Methods with a series of their own; anything else a client invents counts as one. */
const KNOWN_METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE']);
