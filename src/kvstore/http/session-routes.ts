/**
 * The routes of client sessions: what makes a client's mutations take effect once, however often they are sent (seeds.md F4.19-F4.21).
 */
import { JSON_TYPE } from './headers.ts';
import { sessionNumber } from './identity.ts';
import { type Route } from './route.ts';
import { sessionAnswer, sessionEndAnswer } from './schemas.ts';
import { parametersIn } from './target.ts';

const ERRORS = ['NOT_PRIMARY', 'NOT_APPENDED', 'OUTCOME_UNKNOWN', 'BUSY'] as const;
const SESSIONS = '/v1/sessions/';

const begin: Route = {
  method: 'POST',
  path: '/v1/sessions',
  operationId: 'beginSession',
  summary: 'Begin a session',
  description:
    'Gives a session for one client. The service keeps the sessions used last and forgets others; a forgotten one answers SESSION_UNKNOWN.',
  query: {},
  headers: {},
  answer: { kind: 'json', schema: sessionAnswer, headers: [], description: 'The session.' },
  errors: ERRORS,
  handle: async ({ service, deadlines }, request, reply) => {
    parametersIn(request.originalUrl, begin.query);
    const session = await deadlines.write.within(service.beginSession());
    return reply.header('content-type', JSON_TYPE).send(JSON.stringify({ session: String(session) }));
  },
};

const end: Route = {
  method: 'DELETE',
  path: '/v1/sessions/{session}',
  operationId: 'endSession',
  summary: 'End a session',
  description: 'Ends a session; nothing is remembered of it.',
  query: {},
  headers: {},
  answer: { kind: 'json', schema: sessionEndAnswer, headers: [], description: 'Whether there was one.' },
  errors: ['INVALID_SESSION', ...ERRORS],
  handle: async ({ service, deadlines }, request, reply) => {
    parametersIn(request.originalUrl, end.query);
    const [path = ''] = request.originalUrl.split('?', 1);
    const session = sessionNumber(path.slice(SESSIONS.length));
    const ended = await deadlines.write.within(service.endSession(session));
    return reply.header('content-type', JSON_TYPE).send(JSON.stringify({ ended }));
  },
};

export const SESSION_ROUTES: readonly Route[] = [begin, end];
