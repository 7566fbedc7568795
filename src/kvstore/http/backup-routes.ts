/**
 * The routes of an administrator: backup to an object store, restore from it, and the document of all routes.
 *
 * A1  Backup, restore and replacement exclude each other: the others are told BUSY (engine/types.ts I6). The call ends with its client.
 */
import { type FastifyReply, type FastifyRequest } from 'fastify';
import { type BackupReport } from '../engine/types.ts';
import { KvError } from '../errors.ts';
import { JSON_TYPE } from './headers.ts';
import { jsonBody } from './json-body.ts';
import { objectWith } from './json-bytes.ts';
import { MAX_BACKUP_URL_LENGTH, MAX_JSON_BODY_BYTES } from './limits.ts';
import { type Route } from './route.ts';
import { backupAnswer, backupBody, documentAnswer } from './schemas.ts';
import { parametersIn } from './target.ts';

const ERRORS = [
  'NOT_PRIMARY',
  'BACKUP_FAILED',
  'NOT_APPENDED',
  'OUTCOME_UNKNOWN',
  'READ_NOT_CONFIRMED',
  'BUSY',
] as const;
const BODY = { kind: 'json', schema: backupBody, maxBytes: MAX_JSON_BODY_BYTES } as const;

const backup: Route = {
  method: 'POST',
  path: '/v1/backup',
  operationId: 'backup',
  summary: 'Back up the contents',
  description:
    'Writes everything, at one point in time, to a place of an object store; answered when it is there.',
  query: {},
  headers: {},
  body: {
    ...BODY,
    description: 'Where to: s3://bucket/prefix?endpoint=…, credentials from the environment of the server.',
  },
  answer: { kind: 'json', schema: backupAnswer, headers: [], description: 'What was written.' },
  errors: ERRORS,
  handle: ({ service }, request, reply) =>
    answered(backup, request, reply, (url, signal) => service.backupTo(url, signal)),
};

const restore: Route = {
  method: 'POST',
  path: '/v1/restore',
  operationId: 'restore',
  summary: 'Replace the contents by a backup',
  description:
    'Replaces everything by what a backup holds, all at once; until then reads see the old contents. Change numbers go on.',
  query: {},
  headers: {},
  body: { ...BODY, description: 'Where from.' },
  answer: { kind: 'json', schema: backupAnswer, headers: [], description: 'What was restored.' },
  errors: ERRORS,
  handle: ({ service }, request, reply) =>
    answered(restore, request, reply, (url, signal) => service.restoreFrom(url, signal)),
};

/** A1. */
async function answered(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (url: string, signal: AbortSignal) => Promise<BackupReport>,
): Promise<FastifyReply> {
  parametersIn(request.originalUrl, route.query);
  const { url } = objectWith(jsonBody(request), ['url']);
  if (typeof url !== 'string' || url === '' || url.length > MAX_BACKUP_URL_LENGTH)
    throw new KvError('INVALID_BODY', `url is text of 1 to ${MAX_BACKUP_URL_LENGTH} characters.`);
  const gone = new AbortController();
  const leave = (): void => gone.abort(new KvError('INTERNAL', 'The client has gone away.'));
  if (reply.raw.destroyed) leave(); // while the body was on its way
  reply.raw.once('close', leave);
  const report = await work(url, gone.signal);
  return reply.header('content-type', JSON_TYPE).send(JSON.stringify(report));
}

const document: Route = {
  method: 'GET',
  path: '/v1/openapi.json',
  operationId: 'document',
  summary: 'This document',
  description: 'The OpenAPI document of everything that is served here.',
  query: {},
  headers: {},
  answer: { kind: 'json', schema: documentAnswer, headers: [], description: 'The document.' },
  errors: [],
  handle: async (context, request, reply) => {
    parametersIn(request.originalUrl, document.query);
    return reply.header('content-type', JSON_TYPE).send(await context.document());
  },
};

export const BACKUP_ROUTES: readonly Route[] = [backup, restore, document];
