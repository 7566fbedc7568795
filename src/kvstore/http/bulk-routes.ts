/**
 * Many operations in one request (bulk-bytes.ts): what a request costs is paid once for all of them.
 *
 * B1  Each operation has its own outcome, as if it had been sent alone and at the same time as the others; none waits for another, but the answer waits for all.
 * B2  Gets of one consistency are one read: confirmed once, answered at one point in time. Those whose values have no room in one read are told to come later.
 */
import { ensureError } from '../../base/index.ts';
import { checkCommand, checkKey, type Command } from '../command.ts';
import { KvError, KvFormatError } from '../errors.ts';
import type { Consistency, Write, WriteTold } from '../service.ts';
import {
  operationsFromBytes,
  outcomesToBytes,
  type BulkExpiry,
  type BulkOperation,
  type BulkOutcome,
} from './bulk-bytes.ts';
import { toldOf, toKvError } from './failures.ts';
import { OCTETS } from './headers.ts';
import { checkIdentity } from './identity.ts';
import { expiryOf } from './json-commands.ts';
import { MAX_BULK_BYTES, MAX_BULK_OPERATIONS } from './limits.ts';
import { type Route, type RouteContext } from './route.ts';
import { parametersIn } from './target.ts';

const FORMAT = 'The format is in src/kvstore/http/bulk-bytes.ts; the client of holdfast/kv speaks it.';

const bulk: Route = {
  method: 'POST',
  path: '/v1/bulk',
  operationId: 'bulk',
  summary: 'Many operations at once, each on its own',
  description: `Gets, puts, deletes and compare-and-sets of many callers in one request; each has its own outcome. ${FORMAT}`,
  query: {},
  headers: {},
  body: { kind: 'bytes', maxBytes: MAX_BULK_BYTES, description: 'The operations.' },
  answer: { kind: 'bytes', headers: [], description: 'The outcomes, in the order of the operations.' },
  errors: [],
  handle: async (context, request, reply) => {
    parametersIn(request.originalUrl, bulk.query);
    const operations = operationsIn(request.body);
    const outcomes = await outcomesOf(context, operations);
    count(context, operations, outcomes);
    return reply.header('content-type', OCTETS).send(outcomesToBytes(outcomes));
  },
};

export const BULK_ROUTES: readonly Route[] = [bulk];

/** Of the request that an operation stands for. */
const METHODS = { get: 'GET', put: 'PUT', delete: 'DELETE', cas: 'POST' } as const;
const KINDS = Object.keys(METHODS) as (keyof typeof METHODS)[];

function count(
  { answered }: RouteContext,
  operations: readonly BulkOperation[],
  outcomes: readonly BulkOutcome[],
): void {
  for (const kind of KINDS) {
    const statuses = new Map<number, number>();
    for (const [n, outcome] of outcomes.entries()) {
      if (operations[n]!.kind !== kind) continue;
      const status = statusOf(outcome);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    for (const [status, times] of statuses) answered(METHODS[kind], status, times);
  }
}

function statusOf(outcome: BulkOutcome): number {
  if (outcome.kind === 'refused') return outcome.status;
  return outcome.kind === 'absent' ? 404 : 200;
}

function operationsIn(body: unknown): readonly BulkOperation[] {
  try {
    const operations = operationsFromBytes(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    if (operations.length > 0 && operations.length <= MAX_BULK_OPERATIONS) return operations;
  } catch (error) {
    if (!(error instanceof KvFormatError)) throw error;
    throw new KvError('INVALID_BODY', `The body is not understood. ${FORMAT}`, { cause: error });
  }
  throw new KvError('INVALID_BODY', `A bulk has 1 to ${MAX_BULK_OPERATIONS} operations.`);
}

async function outcomesOf(
  context: RouteContext,
  operations: readonly BulkOperation[],
): Promise<readonly BulkOutcome[]> {
  const outcomes: BulkOutcome[] = [];
  outcomes.length = operations.length; // filled in as they come
  const gets: Readonly<Record<Consistency, number[]>> = { linearizable: [], stale: [] };
  const mutations: Placed[] = [];
  const underWay: Promise<void>[] = [];
  for (const [n, operation] of operations.entries())
    if (operation.kind === 'get') gets[operation.consistency].push(n);
    else mutations.push({ n, operation });
  if (mutations.length > 0) underWay.push(write(context, mutations, outcomes));
  for (const consistency of ['linearizable', 'stale'] as const)
    if (gets[consistency].length > 0)
      underWay.push(read(context, consistency, operations, gets[consistency], outcomes));
  await Promise.all(underWay);
  return outcomes;
}

type Mutation = Exclude<BulkOperation, { kind: 'get' }>;

/** A mutation, and its place among the operations. */
interface Placed {
  readonly n: number;
  readonly operation: Mutation;
}

/** Fills in the outcomes of mutations. Never rejects. */
async function write(
  context: RouteContext,
  mutations: readonly Placed[],
  outcomes: BulkOutcome[],
): Promise<void> {
  const { service, clock, deadlines } = context;
  const nowMs = clock.wallMs();
  const places: number[] = [];
  const writes: Write[] = [];
  for (const { n, operation } of mutations)
    try {
      const identity = checkIdentity(operation.identity);
      writes.push({ command: checkCommand(commandOf(operation, nowMs)), identity });
      places.push(n);
    } catch (error) {
      outcomes[n] = refused(context, error);
    }
  if (writes.length === 0) return;
  let isOver = false;
  const told: WriteTold = (i, outcome) => {
    if (isOver) return; // the answer is on its way
    outcomes[places[i]!] =
      typeof outcome === 'number' ? { kind: 'done', result: outcome } : refused(context, outcome);
  };
  try {
    await deadlines.write.within(service.writeAll(writes, told));
  } catch (error) {
    isOver = true;
    const outcome = refused(context, error);
    for (const n of places) outcomes[n] ??= outcome;
  }
}

function commandOf(operation: Mutation, nowMs: number): Command {
  const { kind, key } = operation;
  if (kind === 'delete') return { kind, key };
  const { value } = operation;
  const expiry = momentOf(operation.expiry, nowMs);
  if (kind === 'put') return { kind, pairs: [{ key, value, ...expiry }] };
  return { kind, key, expected: operation.expected, value, ...expiry };
}

function momentOf(expiry: BulkExpiry, nowMs: number): { readonly expiresAt?: number } {
  if (expiry.kind === 'never') return {};
  return expiry.kind === 'at'
    ? expiryOf(expiry.expiresAt, undefined, nowMs)
    : expiryOf(undefined, expiry.ttlMs, nowMs);
}

/** Fills in the outcomes at `places` (B2). Never rejects. */
async function read(
  context: RouteContext,
  consistency: Consistency,
  operations: readonly BulkOperation[],
  places: readonly number[],
  outcomes: BulkOutcome[],
): Promise<void> {
  const { service, deadlines } = context;
  const fit: number[] = [];
  for (const n of places)
    try {
      checkKey(operations[n]!.key);
      fit.push(n);
    } catch (error) {
      outcomes[n] = refused(context, error);
    }
  if (fit.length === 0) return;
  try {
    const keys = fit.map((n) => operations[n]!.key);
    const { answer, appliedIndex, lagBytes } = await deadlines.read.within(
      service.read({ kind: 'pairs', keys }, consistency),
    );
    const position = { appliedIndex, lagBytes };
    for (const [i, n] of fit.entries()) {
      const pair = answer[i];
      if (i >= answer.length) outcomes[n] = { kind: 'later' };
      else if (pair)
        outcomes[n] = { kind: 'value', value: pair.value, expiresAt: pair.expiresAt, ...position };
      else outcomes[n] = { kind: 'absent', ...position };
    }
  } catch (error) {
    const outcome = refused(context, error);
    for (const n of fit) outcomes[n] = outcome;
  }
}

function refused({ log }: RouteContext, thrown: unknown): BulkOutcome {
  const error = toKvError(ensureError(thrown));
  if (error.code === 'INTERNAL') log.error('An operation of a bulk failed by a fault of ours.', { error });
  return { kind: 'refused', ...toldOf(error) };
}
