/**
 * HTTP routes as what a service listens with: the parts that every one of them needs.
 *
 * H1  Every answer that is not a success is JSON {code, message}. What a replica refuses has its status (errors.ts); an error of another kind has the
 *     status it carries, or 500, and then nothing internal leaks.
 * H2  A request waits for the log no longer than the deadline, and no more of them are under way than the limit.
 */
import fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify';
import { deadline, type Clock, type HoldfastError } from '../base/index.ts';
import { ServiceError } from './errors.ts';
import { listenHttp } from './http-listener.ts';
import type { ProposalIdentity } from './replica.ts';
import type { Consistency, Serve, Service, ServiceContext } from './service.ts';

export const REQUEST_ID_HEADER = 'holdfast-request-id';

/** Longest wait of a request for the log, ms: past a slow store's worst put, below the patience of common clients. */
const REQUEST_DEADLINE_MS = 15_000;
/** Longest time a client may take to send a request, ms: a slow sender must not hold a place for ever. */
const RECEIVE_TIMEOUT_MS = 30_000;
/** Requests under way: a group commit of 250 ms at 4 writes/ms waits for a thousand; twice that leaves room for reads beside them. */
const MAX_REQUESTS_UNDER_WAY = 2048;
/** Longest body, bytes: what a command may have. */
const MAX_BODY_BYTES: number = 1024 * 1024;
/** Seconds after which a refused or failed request may be tried again. */
const RETRY_AFTER_SECONDS = 1;

/** Adds routes; `service` waits no longer than a request may (H2). */
export type Routes<Query, Answer> = (
  http: FastifyInstance,
  service: Service<Query, Answer>,
  context: ServiceContext,
) => void;

/** What listens for HTTP requests with these routes. */
export function httpService<Query, Answer>(routes: Routes<Query, Answer>): Serve<Query, Answer> {
  return async (service, context) => {
    const http = fastify({
      bodyLimit: MAX_BODY_BYTES,
      requestTimeout: RECEIVE_TIMEOUT_MS,
      return503OnClosing: false, // the service itself answers NOT_PRIMARY while it closes (H1)
      forceCloseConnections: 'idle',
    });
    http.setErrorHandler((error: FastifyError | HoldfastError, request, reply) => {
      const { status, code, message } = toldOf(error);
      if (status === 500)
        context.log.error('A request failed by a fault of the service.', { method: request.method, error });
      if (status === 421 || status === 429 || status === 503)
        reply.header('retry-after', RETRY_AFTER_SECONDS);
      return reply.code(status).send({ code, message });
    });
    limitRequests(http);
    routes(http, patient(service, context.clock), context);
    return await listenHttp(http, context);
  };
}

/** The identity that a client gives its request: its Holdfast-Request-Id, if any. */
export function identityOf(request: FastifyRequest): ProposalIdentity {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === 'string' ? { requestId: given } : {};
}

/** What a client asks of a read: linearizable, unless it says `?consistency=stale`. */
export function consistencyOf(request: FastifyRequest): Consistency {
  const { consistency } = request.query as { readonly consistency?: string };
  return consistency === 'stale' ? 'stale' : 'linearizable';
}

/** H1 */
function toldOf(error: FastifyError | HoldfastError): {
  readonly status: number;
  readonly code: string;
  readonly message: string;
} {
  const { code, message } = error;
  if (error instanceof ServiceError) return { status: error.status, code, message };
  const status = 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status === 'number' && status >= 400 && status < 500) return { status, code, message };
  return {
    status: 500,
    code: 'INTERNAL',
    message: 'The request failed by a fault of the server; its log says more.',
  };
}

/** H2 */
function limitRequests(http: FastifyInstance): void {
  let underWay = 0;
  http.addHook('onRequest', (_request, reply, done) => {
    if (underWay >= MAX_REQUESTS_UNDER_WAY) {
      done(
        new ServiceError(
          'OVERLOADED',
          'The server has as many requests under way as it takes. Try again later.',
        ),
      );
      return;
    }
    underWay++;
    reply.raw.once('close', () => underWay--);
    done();
  });
}

/** H2 */
function patient<Query, Answer>(service: Service<Query, Answer>, clock: Clock): Service<Query, Answer> {
  const within = async <T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const limit = deadline(clock, REQUEST_DEADLINE_MS, what);
    try {
      return await call(limit.signal);
    } finally {
      limit.clear();
    }
  };
  return {
    propose: (cmd, identity, signal) =>
      within('the write', (limit) => service.propose(cmd, identity, either(limit, signal))),
    proposeAll: (commands, told, signal) =>
      within('the writes', (limit) => service.proposeAll(commands, told, either(limit, signal))),
    read: (query, consistency, signal) =>
      within('the read', (limit) => service.read(query, consistency, either(limit, signal))),
    registerSession: (signal) =>
      within('the session', (limit) => service.registerSession(either(limit, signal))),
    unregisterSession: (clientId, signal) =>
      within('the session', (limit) => service.unregisterSession(clientId, either(limit, signal))),
    status: () => service.status(),
    stateHash: () => service.stateHash(),
  };
}

function either(limit: AbortSignal, signal: AbortSignal | undefined): AbortSignal {
  return signal ? AbortSignal.any([limit, signal]) : limit;
}
