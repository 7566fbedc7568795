/**
 * The routes of a read replica and of an observer: changes by number, the whole contents as a stream, figures.
 *
 * G1  Changes come from the number asked for on, without one left out; where that cannot be said, the answer is CHANGES_GAP or CHANGES_DIVERGED (load a
 *     snapshot), or CHANGES_AHEAD.
 * G2  A snapshot is one point in time and says its number first; what is cut on the way is seen by its reader (engine/snapshot.ts).
 * G3  All three are answered by any replica from what it has applied.
 */
import { Readable } from 'node:stream';
import { type FastifyReply } from 'fastify';
import { type ChangeRecord, type SnapshotStream } from '../engine/types.ts';
import { KvError } from '../errors.ts';
import {
  APPLIED_INDEX_HEADER,
  CHANGE_NUMBER_HEADER,
  JSON_TYPE,
  LAG_BYTES_HEADER,
  OCTETS,
} from './headers.ts';
import { changesToBytes } from './change-bytes.ts';
import { changeToJson } from './json-changes.ts';
import { DEFAULT_CHANGES, MAX_CHANGES, MAX_CHANGES_BYTES, MAX_SNAPSHOT_STREAMS } from './limits.ts';
import { type Route } from './route.ts';
import { changesAnswer, statsAnswer } from './schemas.ts';
import { historyIn, integerIn, parametersIn } from './target.ts';

const changes: Route = {
  method: 'GET',
  path: '/v1/changes',
  operationId: 'changes',
  summary: 'Read changes by number',
  description:
    'The changes from a number on, in order; none when it is the next one to come. CHANGES_GAP: they are not kept any more, load /v1/snapshot and go on from its number. CHANGES_DIVERGED: the same, because this store has had other changes up to that number than those that `history` says.',
  query: {
    from: {
      type: 'integer',
      description: 'Number of the first change wanted: one more than the last one applied.',
    },
    max: { type: 'integer', description: 'Most changes in the answer.' },
    history: {
      type: 'bytes',
      description:
        'The history of the last change applied, as the answer with it said. With it, changes that come after others than those are refused.',
    },
  },
  headers: {},
  answer: {
    kind: 'json',
    schema: changesAnswer,
    headers: [],
    description: 'The changes.',
    asBytes: 'As bytes with a checksum for whoever accepts nothing else (src/kvstore/http/change-bytes.ts).',
  },
  errors: ['CHANGES_GAP', 'CHANGES_AHEAD', 'CHANGES_DIVERGED', 'NOT_PRIMARY', 'READ_NOT_CONFIRMED', 'BUSY'],
  handle: async ({ service, deadlines }, request, reply) => {
    const parameters = parametersIn(request.originalUrl, changes.query);
    const from = integerIn(parameters, 'from', 1, Number.MAX_SAFE_INTEGER);
    if (from === undefined) throw new KvError('INVALID_QUERY', 'from is missing; the first change is 1.');
    const max = integerIn(parameters, 'max', 1, MAX_CHANGES) ?? DEFAULT_CHANGES;
    const query = { kind: 'changes', from, max, history: historyIn(parameters, 'history') } as const;
    const { answer } = await deadlines.read.within(service.read(query, 'stale'));
    checkSize(answer);
    const stats = await deadlines.read.within(service.read({ kind: 'stats' }, 'stale')); // after them: latest is never below the last of them
    const found = { role: service.role(), latest: stats.answer.changeNumber, changes: answer };
    if (request.headers.accept === OCTETS)
      return reply.header('content-type', OCTETS).send(changesToBytes(found));
    const json = { ...found, changes: answer.map(changeToJson) };
    return reply.header('content-type', JSON_TYPE).send(JSON.stringify(json));
  },
};

/** One change may be as large as it is: whoever follows could never pass it otherwise. */
function checkSize(records: readonly ChangeRecord[]): void {
  if (records.length < 2) return;
  let bytes = 0;
  for (const { operations } of records)
    for (const operation of operations)
      bytes += operation.key.length + (operation.kind === 'put' ? operation.value.length : 0);
  if (bytes > MAX_CHANGES_BYTES)
    throw new KvError(
      'TOO_LARGE',
      `These ${records.length} changes have ${bytes} bytes, at most ${MAX_CHANGES_BYTES} are sent at once. Ask for fewer.`,
    );
}

const snapshot: Route = {
  method: 'GET',
  path: '/v1/snapshot',
  operationId: 'snapshot',
  summary: 'Read the whole contents',
  description:
    'Everything at one point in time, as a stream that begins with its change number and its count and ends with a checksum. A new read replica loads it.',
  query: {},
  headers: {},
  answer: { kind: 'bytes', headers: [CHANGE_NUMBER_HEADER], description: 'The stream.' },
  errors: ['NOT_PRIMARY', 'READ_NOT_CONFIRMED', 'BUSY'],
  handle: async ({ service, deadlines, snapshots }, request, reply) => {
    parametersIn(request.originalUrl, snapshot.query);
    const leave = snapshots.enter(0);
    if (!leave)
      throw new KvError(
        'BUSY',
        `${MAX_SNAPSHOT_STREAMS} snapshots are being read, the most there may be. Try again later.`,
      );
    try {
      const { answer } = await deadlines.read.within(service.read({ kind: 'snapshot' }, 'stale'));
      return sendSnapshot(reply, answer, leave);
    } catch (error) {
      leave();
      throw error;
    }
  },
};

/** Sends the stream; `done` is called once, however it ends. */
function sendSnapshot(reply: FastifyReply, stream: SnapshotStream, done: () => void): FastifyReply {
  reply.header('content-type', OCTETS).header(CHANGE_NUMBER_HEADER, stream.changeNumber);
  const body = Readable.from(stream.chunks, { objectMode: false });
  body.once('close', () => {
    stream.close();
    done();
  });
  return reply.send(body);
}

const stats: Route = {
  method: 'GET',
  path: '/v1/stats',
  operationId: 'stats',
  summary: 'Figures of this replica',
  description: 'What this replica is, holds and has applied.',
  query: {},
  headers: {},
  answer: {
    kind: 'json',
    schema: statsAnswer,
    headers: [APPLIED_INDEX_HEADER, LAG_BYTES_HEADER],
    description: 'The figures.',
  },
  errors: ['NOT_PRIMARY', 'READ_NOT_CONFIRMED', 'BUSY'],
  handle: async ({ service, deadlines }, request, reply) => {
    parametersIn(request.originalUrl, stats.query);
    const { answer, appliedIndex, lagBytes } = await deadlines.read.within(
      service.read({ kind: 'stats' }, 'stale'),
    );
    reply.header(APPLIED_INDEX_HEADER, appliedIndex).header(LAG_BYTES_HEADER, lagBytes ?? 'unknown');
    const body = { role: service.role(), ...answer, ...service.figures?.() };
    return reply.header('content-type', JSON_TYPE).send(JSON.stringify(body));
  },
};

export const CHANGE_ROUTES: readonly Route[] = [changes, snapshot, stats];
