/**
 * The HTTP face of the store: the only file here that knows the framework's request cycle.
 *
 * H1  Every answer that is not a success is JSON {code, message}, with the code's status from errors.ts. Nothing internal leaks.
 * H2  A request is admitted before its body is read (M1) and answered within the deadline.
 * H3  Keys are bytes: targets under /v1/kv/ reach one route unparsed and are decoded by target.ts.
 */
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
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
import { addRoutes, INNER_KEY_PATH } from './routes.ts';
import { KEY_PATH } from './target.ts';

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

/** Longest time a client may take to send a request, ms: a slow sender must not hold a place for ever. */
const RECEIVE_TIMEOUT_MS = 30_000;
/** How long an idle connection is kept, ms: longer than common clients keep theirs, so that the client is the one who closes. */
const KEEP_ALIVE_MS = 65_000;
/** Largest JSON body, bytes: a full batch as base64 with its field names. Single values have a limit of their own. */
export const MAX_JSON_BODY_BYTES: number = 4 * 1024 * 1024;
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
  });
  server.setErrorHandler((error: FastifyError | KvError, request, reply) =>
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
  addAdmission(server, options.admission);
  addMetrics(server, options);
  addRoutes(server, options);
  return server;
}

function sendError(error: KvError, reply: FastifyReply, log: Logger, request: FastifyRequest): FastifyReply {
  if (error.code === 'INTERNAL')
    log.error('A request failed by a fault of ours.', { method: request.method, error });
  if (RETRYABLE.has(error.status)) reply.header('Retry-After', RETRY_AFTER_SECONDS);
  return reply.code(error.status).type('application/json').send({ code: error.code, message: error.message }); // H1
}

/** Errors of the framework itself, in our words. */
function toKvError(error: FastifyError | KvError): KvError {
  if (error instanceof KvError) return error;
  if (error.statusCode === 413)
    return new KvError('TOO_LARGE', 'The body is larger than this request allows.', { cause: error });
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return new KvError('INVALID_BODY', `The request is not understood: ${error.message}`, { cause: error });
  return new KvError('INTERNAL', 'The request failed by a fault of the server; its log says more.', {
    cause: error,
  });
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
    reply.raw.once('finish', leave);
    done();
  });
}

/** What a request may send: what it announces, or, sent in chunks of unknown number, as much as is allowed. */
function bodyBytesOf(request: FastifyRequest): number {
  const announced = request.headers['content-length'];
  if (announced !== undefined) return Math.min(Number(announced) || 0, MAX_JSON_BODY_BYTES);
  return request.headers['transfer-encoding'] === undefined ? 0 : MAX_JSON_BODY_BYTES;
}

function addMetrics(server: FastifyInstance, { metrics, clock }: KvServerOptions): void {
  const requests = metrics.counter({
    name: 'holdfast_kv_requests_total',
    help: 'Requests answered, by method and status.',
    labels: ['method', 'status'],
  });
  const seconds = metrics.histogram({
    name: 'holdfast_kv_request_seconds',
    help: 'Time from the arrival of a request to its answer.',
    labels: ['method'],
    buckets: DURATION_BUCKETS_SECONDS,
  });
  const started = new WeakMap<FastifyRequest, number>();
  server.addHook('onRequest', (request, _reply, done) => {
    started.set(request, clock.monotonicMs());
    done();
  });
  server.addHook('onResponse', (request, reply, done) => {
    const method = KNOWN_METHODS.has(request.method) ? request.method : 'other';
    requests.add(1, { method, status: String(reply.statusCode) });
    seconds.observe((clock.monotonicMs() - (started.get(request) ?? clock.monotonicMs())) / 1000, { method });
    done();
  });
}

/** Methods with a series of their own; anything else a client invents counts as one. */
const KNOWN_METHODS = new Set(['GET', 'PUT', 'POST', 'DELETE']);
