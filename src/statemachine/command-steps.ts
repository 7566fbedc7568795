/**
 * command-steps: what becomes of each command of an entry: applied by the machine, answered from what is remembered, or refused.
 *
 * Q1  (requests.ts, sessions.ts) Tables and results depend on the history alone, command by command, not on how commands came together.
 * B1  Commands go to the machine in runs, as many at once as may be. A run ends before a request id that is known by then, since its answer
 *     depends on what is before it; a step of a session is a run of its own (F4.4).
 * B2  A command that was applied already is answered with its first result, and the machine does not see it (F4.20).
 */
import { checkPosition } from '../base/index.ts';
import type { ClientTables } from './client-tables.ts';
import type { Command } from './envelope.ts';
import { MAX_RESULT_BYTES } from './limits.ts';
import { keyOf, type RememberedRequest } from './requests.ts';
import type { Refusal } from './errors.ts';
import type { SessionCall } from './sessions.ts';
import { logIndex, type Entry, type Result } from './types.ts';

/** A command had no effect, and why (F4.20). */
export interface Refused {
  readonly refused: Refusal;
}

/** What a command came to. */
export type Outcome = Result | Refused;

/** The answer to a register or unregister that took effect. */
const DONE: Result = { value: 1, data: new Uint8Array(0) };

/** What the machine is to apply now, in order; it is told what came of it by `next`. */
export type CommandSteps = Generator<readonly Entry[], readonly Outcome[], readonly Result[]>;

/** A command of the run that is being gathered. */
interface Pending {
  readonly position: number;
  readonly entry: Entry;
  /** Of its request id; empty without one. */
  readonly key: string;
  readonly remembered: RememberedRequest | undefined;
}

/** Walks through the commands of the entry that begins at index `first`. @throws TypeError, RangeError when a result is none */
export function* commandSteps(
  tables: ClientTables,
  commands: readonly Command[],
  first: number,
): CommandSteps {
  const outcomes: Outcome[] = [];
  let run: Pending[] = [];
  for (const [position, { cmd, requestId, session }] of commands.entries()) {
    const index = logIndex(first + position);
    if (session) {
      yield* applyRun(tables, run, outcomes);
      run = [];
      outcomes[position] = yield* sessionStep(tables, session, { index, cmd });
      continue;
    }
    const key = keyOf(requestId);
    const named = key !== '';
    if (named && tables.requests.has(key)) {
      yield* applyRun(tables, run, outcomes);
      run = [];
      const known = tables.requests.use(key, index)?.result;
      if (known) {
        outcomes[position] = known; // B2
        continue;
      }
    }
    const remembered = named ? tables.requests.add(key, index) : undefined;
    run.push({ position, entry: { index, cmd }, key, remembered });
  }
  yield* applyRun(tables, run, outcomes);
  return outcomes;
}

function* applyRun(
  tables: ClientTables,
  run: readonly Pending[],
  outcomes: Outcome[],
): Generator<readonly Entry[], void, readonly Result[]> {
  if (run.length === 0) return;
  const results = yield run.map(({ entry }) => entry);
  if (results.length !== run.length)
    throw new TypeError(`it answered ${results.length} entries of ${run.length}`);
  for (const [n, { position, key, remembered }] of run.entries()) {
    const result = checked(results[n]!);
    outcomes[position] = result;
    if (!remembered) continue;
    tables.requests.settle(key, remembered, result);
    tables.requests.trim();
  }
}

function* sessionStep(
  { sessions }: ClientTables,
  call: SessionCall,
  entry: Entry,
): Generator<readonly Entry[], Outcome, readonly Result[]> {
  const { clientId } = call;
  if (call.kind !== 'update') {
    const refused =
      call.kind === 'register' ? sessions.register(clientId, entry.index) : sessions.unregister(clientId);
    return refused === undefined ? DONE : { refused };
  }
  const met = sessions.meet(clientId, call.series, call.respondedTo, entry.index);
  if (met.kind === 'refused') return { refused: met.refusal };
  if (met.kind === 'known') return met.result; // B2
  const [result, ...more] = yield [entry];
  if (result === undefined || more.length > 0) throw new TypeError('it answered another number of entries');
  sessions.settle(clientId, call.series, checked(result));
  return result;
}

/** A result that can be remembered, and saved in a snapshot. */
function checked(result: Result): Result {
  if (result.data.length > MAX_RESULT_BYTES) throw new RangeError('its result is too long');
  checkPosition('result value', result.value);
  return result;
}
