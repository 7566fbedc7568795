/**
 * Holds every answer of a server against the table of routes that its OpenAPI document is made from: status, type, body, headers and error codes.
 */
import { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { REQUEST_ID_HEADER } from '../http/headers.ts';
import { COMMON_ERRORS, type Route } from '../http/route.ts';
import { errorAnswer } from '../http/schemas.ts';
import { ROUTES } from '../http/table.ts';

/** To be called before the server is used. @returns what breaks the contract, one line each, as answers are sent */
export function holdToContract(server: FastifyInstance): string[] {
  const broken: string[] = [];
  server.addHook('onSend', (request, reply, payload, done) => {
    const problem = problemOf(request, reply, payload);
    if (problem !== undefined)
      broken.push(`${request.method} ${request.originalUrl} ${reply.statusCode}: ${problem}`);
    done();
  });
  return broken;
}

function problemOf(request: FastifyRequest, reply: FastifyReply, payload: unknown): string | undefined {
  const route = ROUTES.find(
    (one) => one.method === request.method && urlOf(one) === request.routeOptions.url,
  );
  if (!route) return reply.statusCode === 404 ? undefined : 'it is no route of the table';
  return reply.statusCode === 200 ? problemOfAnswer(route, reply, payload) : problemOfRefusal(route, payload);
}

function urlOf({ path }: Route): string {
  return path === '/v1/kv/{key}' ? '/v1/key' : path.replace('{session}', ':session');
}

/** Headers that an answer may lack: that of a pair that never expires, and of a mutation of a session. */
const OPTIONAL = new Set(['holdfast-expires-at', REQUEST_ID_HEADER]);

function problemOfAnswer({ answer }: Route, reply: FastifyReply, payload: unknown): string | undefined {
  const sent = Object.keys(reply.getHeaders()).filter((name) => name.startsWith('holdfast-'));
  for (const name of sent)
    if (!answer.headers.includes(name)) return `the header ${name} is not in the table`;
  for (const name of answer.headers)
    if (!sent.includes(name) && !OPTIONAL.has(name)) return `the header ${name} is missing`;
  const type = String(reply.getHeader('content-type'));
  if (answer.kind === 'bytes') return type === 'application/octet-stream' ? undefined : `the type is ${type}`;
  if (answer.asBytes !== undefined && type === 'application/octet-stream') return undefined;
  if (!type.startsWith('application/json') || typeof payload !== 'string') return `the type is ${type}`;
  const parsed = answer.schema.safeParse(JSON.parse(payload));
  return parsed.success ? undefined : parsed.error.message;
}

function problemOfRefusal(route: Route, payload: unknown): string | undefined {
  if (typeof payload !== 'string') return 'the refusal is no text';
  const parsed = errorAnswer.safeParse(JSON.parse(payload));
  if (!parsed.success) return parsed.error.message;
  const { code } = JSON.parse(payload) as { readonly code: string };
  const known: readonly string[] = [...route.errors, ...COMMON_ERRORS];
  return known.includes(code) ? undefined : `the code ${code} is not in the table`;
}
