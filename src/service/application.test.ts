import { afterEach, describe, expect, test } from '@jest/globals';
import {
  createMetrics,
  HoldfastError,
  silentLogger,
  systemClock,
  systemRandom,
  utf8,
} from '../base/index.ts';
import { FencedError } from '../journal/index.ts';
import {
  MachineNotOpenError,
  ProposalFailedError,
  ProposalInvalidError,
  ProposalQueueFullError,
  SessionRefusedError,
} from '../statemachine/index.ts';
import { ServiceApplication } from './application.ts';
import type { Listener } from './service.ts';
import { NoteMachine, ScriptedLog, scriptedFactory, ScriptedReplica } from './testing/index.ts';

type Query = 'now' | 'slow';

interface Rig {
  readonly application: ServiceApplication<Query, string>;
  readonly machine: NoteMachine;
  readonly replica: ScriptedReplica<Query, string>;
  readonly log: ScriptedLog;
  readonly lag: { value: { bytes: number; sinceMs: number } | undefined };
  readonly listenerClosed: () => number;
  /** The code of a proposal's refusal, or the note's number. */
  readonly put: (note: string, requestId?: string, signal?: AbortSignal) => Promise<string | number>;
  /** The code of a read's refusal, or the note. */
  readonly get: (query?: Query, signal?: AbortSignal) => Promise<string>;
  readonly stale: () => Promise<string>;
}

const opened: ServiceApplication<Query, string>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((application) => application.close()));
});

async function rig(options: { opened?: Promise<void> } = {}): Promise<Rig> {
  const machine = new NoteMachine();
  const replica = new ScriptedReplica<Query, string>(machine);
  const lag: Rig['lag'] = { value: undefined };
  let closed = 0;
  const application = new ServiceApplication<Query, string>({
    replicas: () => scriptedFactory(replica, options.opened),
    serve: (): Promise<Listener> =>
      Promise.resolve({ port: 4711, close: () => Promise.resolve(void closed++) }),
  });
  opened.push(application);
  const started = await application.start({
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    metrics: createMetrics(),
    clock: systemClock,
    random: systemRandom,
    lag: () => lag.value,
  });
  expect(started).toEqual({ port: 4711 });
  const codeOf = (error: unknown): string => (error as HoldfastError).code;
  return {
    application,
    machine,
    replica,
    log: new ScriptedLog(),
    lag,
    listenerClosed: () => closed,
    put: (note, requestId, signal) =>
      application.propose(utf8(note), { requestId }, signal).then(({ value }) => value, codeOf),
    get: (query = 'now', signal) =>
      application.read(query, 'linearizable', signal).then(({ answer }) => answer, codeOf),
    stale: () => application.read('now', 'stale').then(({ answer }) => answer, codeOf),
  };
}

/** Lets every promise run that can. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function noted(replica: ScriptedReplica<Query, string>, note: string): void {
  replica.apply(utf8(note));
}

const none = undefined as never; // the scripted factory looks at no directory
const fenced = new FencedError('j', 'author 2', 'not-appended');
const broken = new HoldfastError('TEST', 'broken on purpose');

describe('before it is a primary', () => {
  test('a replica that has just started is not the primary for anything', async () => {
    const { application, put, get, stale } = await rig();
    expect([await put('v'), await get(), await stale()]).toEqual(Array(3).fill('NOT_PRIMARY'));
    expect(application.status()).toEqual({ role: 'listening', appliedIndex: 0 });
  });

  test('a standby answers stale reads with its position and lag, and nothing else', async () => {
    const { application, replica, lag, put, get } = await rig();
    await application.follow(none);
    noted(replica, 'seen');
    const unknown = { answer: 'seen', appliedIndex: 1, lagBytes: undefined };
    expect(await application.read('now', 'stale')).toEqual(unknown);
    lag.value = { bytes: 4711, sinceMs: 20 };
    noted(replica, 'newer');
    const known = { answer: 'newer', appliedIndex: 2, lagBytes: 4711 };
    expect(await application.read('now', 'stale')).toEqual(known);
    expect([await put('v'), await get()]).toEqual(['NOT_PRIMARY', 'NOT_PRIMARY']);
    expect(application.status()).toEqual({ role: 'following', appliedIndex: 2 });
  });

  test('a standby whose machine is not open sends readers to the primary', async () => {
    const { application, replica, stale } = await rig();
    await application.follow(none);
    replica.lookup = (): never => {
      throw new MachineNotOpenError('a standby does not open it');
    };
    expect(await stale()).toBe('NOT_PRIMARY');
  });

  test('a standby that finds damage stops answering at once, and says so to its host', async () => {
    const { application, replica, stale } = await rig();
    await application.follow(none);
    noted(replica, 'seen');
    replica.fail(broken);
    expect(await application.failed).toBe(broken);
    expect(await stale()).toBe('NOT_PRIMARY');
  });

  test('while it takes over nothing is answered, whatever has been applied already', async () => {
    const gate = Promise.withResolvers<void>();
    const { application, replica, log, put, get, stale } = await rig({ opened: gate.promise });
    await application.follow(none);
    noted(replica, 'seen');
    const opening = application.open(log.context());
    expect([await put('v'), await get(), await stale()]).toEqual(Array(3).fill('NOT_PRIMARY'));
    gate.resolve();
    await opening;
    const write = put('v');
    replica.confirm();
    expect(await write).toBe(2);
  });

  test('when its state cannot be opened it says so to its host and answers nothing', async () => {
    const { application, log, stale } = await rig({ opened: Promise.reject(broken) });
    await application.follow(none);
    await expect(application.open(log.context())).rejects.toBe(broken);
    expect(await stale()).toBe('NOT_PRIMARY');
  });
});

describe('proposals to a primary', () => {
  async function serving(): Promise<Rig> {
    const made = await rig();
    await made.application.open(made.log.context());
    return made;
  }

  test('are answered when the log has confirmed them and not before', async () => {
    const { replica, put } = await serving();
    let answered = false;
    const write = put('v').finally(() => (answered = true));
    for (let i = 0; i < 20; i++) await turn();
    expect(answered).toBe(false);
    replica.confirm();
    expect(await write).toBe(1);
  });

  test.each([
    ['known not to be in the log', new ProposalFailedError('rejected', broken), 'NOT_APPENDED'],
    ['perhaps in the log', new ProposalFailedError('unknown', broken), 'OUTCOME_UNKNOWN'],
    ['failed in a way nobody foresaw', broken, 'OUTCOME_UNKNOWN'],
    ['too many', new ProposalQueueFullError(1, 1), 'OVERLOADED'],
    ['outside the limits', new ProposalInvalidError('it is too long'), 'INVALID_COMMAND'],
    ['of a session that nobody knows', new SessionRefusedError('session-unknown', 7n), 'SESSION_UNKNOWN'],
    ['of a number that is done with', new SessionRefusedError('series-answered', 7n), 'SERIES_ANSWERED'],
  ] as const)('%s are said to be so', async (_, error, code) => {
    const { replica, put } = await serving();
    const write = put('v');
    replica.failAll(error);
    expect(await write).toBe(code);
  });

  test('have their caller’s deadline; what the log decides later is not made up', async () => {
    const { replica, put } = await serving();
    expect(await put('v', 'id-1', AbortSignal.abort(broken))).toBe('OUTCOME_UNKNOWN');
    expect(replica.proposals).toHaveLength(1);
    replica.confirm();
    const again = put('v', 'id-1');
    replica.confirm();
    expect(await again).toBe(1);
    expect(replica.appliedIndex).toBe(1);
  });

  test('under way when it drains are answered; new ones are sent elsewhere; reads go on', async () => {
    const { application, replica, log, put, get } = await serving();
    const write = put('v');
    let drained = false;
    const draining = application.drain().then(() => (drained = true));
    expect(await put('w')).toBe('NOT_PRIMARY');
    expect([drained, replica.drains]).toEqual([false, 0]);
    replica.confirm();
    await draining;
    expect(replica.drains).toBe(1); // behind the last answer
    expect(await write).toBe(1);
    const read = get();
    log.reads[0]!.resolve();
    expect(await read).toBe('v');
    expect(application.status()).toEqual({ role: 'draining', appliedIndex: 1 });
  });

  test('a drain that must not wait for ever ends with its signal', async () => {
    const { application, replica, put } = await serving();
    const write = put('v');
    const abort = new AbortController();
    const draining = application.drain(abort.signal);
    abort.abort(broken);
    await expect(draining).rejects.toBe(broken);
    replica.confirm();
    expect(await write).toBe(1);
  });

  test('of many at once have an outcome each, and are waited for by a drain', async () => {
    const { application, replica } = await serving();
    const outcomes: unknown[] = [];
    const notes = ['a', 'b', 'c'].map((note) => ({ cmd: utf8(note), identity: {} }));
    const all = application.proposeAll(notes, (n, outcome) => {
      outcomes[n] = outcome instanceof Error ? (outcome as HoldfastError).code : outcome.value;
    });
    let drained = false;
    const draining = application.drain().then(() => (drained = true));
    replica.confirm();
    for (let i = 0; i < 20; i++) await turn();
    expect([outcomes, drained]).toEqual([[1], false]);
    replica.failAll(new ProposalFailedError('rejected', broken));
    await all;
    await draining;
    expect(outcomes).toEqual([1, 'NOT_APPENDED', 'NOT_APPENDED']);
    const late = application.proposeAll(notes, () => {
      throw new Error('nobody is told');
    });
    await expect(late).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  test('of many at once end with their caller’s deadline', async () => {
    const { application, replica } = await serving();
    const told: number[] = [];
    const abort = new AbortController();
    const notes = ['a', 'b'].map((note) => ({ cmd: utf8(note), identity: {} }));
    const all = application.proposeAll(notes, (n) => told.push(n), abort.signal);
    replica.confirm();
    for (let i = 0; i < 20; i++) await turn();
    abort.abort(broken);
    await expect(all).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(told).toEqual([0]); // whoever was told before knows
  });

  test('may be of a session, which begins and ends at the primary only', async () => {
    const { application } = await serving();
    expect(await application.registerSession()).toBe(1n);
    expect([await application.unregisterSession(1n), await application.unregisterSession(2n)]).toEqual([
      true,
      false,
    ]);
    const idle = await rig();
    await expect(idle.application.registerSession()).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  test('a checkpoint goes to the primary’s state, and needs one', async () => {
    const { application, replica } = await serving();
    const { signal } = new AbortController();
    await application.checkpoint(signal);
    expect(replica.checkpoints).toEqual([signal]);
    const idle = await rig();
    await expect(idle.application.checkpoint()).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });
});

describe('reads of a primary', () => {
  async function serving(): Promise<Rig> {
    const made = await rig();
    await made.application.open(made.log.context());
    noted(made.replica, 'old');
    return made;
  }

  test('see what was acknowledged while they waited for the read index (A2)', async () => {
    const { application, replica, log, put } = await serving();
    const read = application.read('now', 'linearizable');
    const write = put('new');
    replica.confirm();
    await write;
    log.reads[0]!.resolve();
    expect(await read).toEqual({ answer: 'new', appliedIndex: 2, lagBytes: 0 });
  });

  test('are refused when the session ends while they wait, even if their read index is confirmed afterwards (A2)', async () => {
    const { log, get } = await serving();
    const read = get();
    log.end({ kind: 'fenced', by: undefined, error: fenced });
    await Promise.resolve();
    log.reads[0]!.resolve();
    expect(await read).toBe('NOT_PRIMARY');
  });

  test('that take time are refused when the session ends before the answer is there (A3)', async () => {
    const { machine, log, get } = await serving();
    const read = get('slow');
    log.reads[0]!.resolve();
    await turn(); // the lookup has begun
    log.end({ kind: 'fenced', by: undefined, error: fenced });
    await Promise.resolve();
    machine.gate.resolve();
    expect(await read).toBe('NOT_PRIMARY');
  });

  test('that take time end with their caller’s signal, and with the machine’s own failure', async () => {
    const { machine, log, get } = await serving();
    const abort = new AbortController();
    const read = get('slow', abort.signal);
    log.reads[0]!.resolve();
    await turn();
    abort.abort(broken);
    expect(await read).toBe('READ_NOT_CONFIRMED');
    const failing = get('slow');
    log.reads[1]!.resolve();
    await turn();
    machine.gate.reject(broken);
    expect(await failing).toBe('TEST');
  });

  test('that take time are answered with what they found, and told how much it is sure to reflect', async () => {
    const { application, machine, replica, log } = await serving();
    const read = application.read('slow', 'linearizable');
    log.reads[0]!.resolve();
    await turn();
    noted(replica, 'newer');
    machine.gate.resolve();
    expect(await read).toEqual({ answer: 'newer', appliedIndex: 1, lagBytes: 0 });
  });

  test('a fenced primary answers no read any more, not even a stale one, and takes no write (A3)', async () => {
    const { application, replica, log, get, stale, put } = await serving();
    expect(await stale()).toBe('old');
    log.end({ kind: 'fenced', by: undefined, error: fenced });
    await Promise.resolve();
    expect([await get(), await stale(), await put('v')]).toEqual(Array(3).fill('NOT_PRIMARY'));
    expect(log.reads).toHaveLength(0);
    expect(replica.proposals).toHaveLength(0);
    await expect(application.checkpoint()).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
    expect(application.status().role).toBe('ended');
  });

  test('a runtime that halts ends the service in the same way, and the host is told', async () => {
    const { application, replica, stale } = await serving();
    replica.halt(broken);
    expect(await application.failed).toBe(broken);
    expect(await stale()).toBe('NOT_PRIMARY');
  });

  test('a read index that is fenced, fails or does not come in time is told apart', async () => {
    const { log, get } = await serving();
    const told = get();
    log.reads[0]!.reject(fenced);
    expect(await told).toBe('NOT_PRIMARY');
    const failed = get();
    log.reads[1]!.reject(broken);
    expect(await failed).toBe('READ_NOT_CONFIRMED');
    expect(await get('now', AbortSignal.abort(broken))).toBe('READ_NOT_CONFIRMED');
  });
});

describe('the end', () => {
  test('close answers what waits, and closes its listener and its state once', async () => {
    const { application, replica, log, listenerClosed, put, get } = await rig();
    await application.open(log.context());
    const write = put('v');
    const read = get();
    await Promise.all([application.close(), application.close()]);
    expect([await write, await read]).toEqual(['OUTCOME_UNKNOWN', 'NOT_PRIMARY']);
    expect([replica.closed, listenerClosed()]).toEqual([1, 1]);
  });

  test('close ends whoever waits for an answer or a digest that takes time', async () => {
    const { application, replica, log, get } = await rig();
    await application.open(log.context());
    const read = get('slow');
    log.reads[0]!.resolve();
    replica.stateHash = (): never => new Promise(() => undefined) as never;
    const hash = application.stateHash();
    await turn();
    await application.close();
    expect(await read).toBe('NOT_PRIMARY');
    await expect(hash).rejects.toMatchObject({ code: 'NOT_PRIMARY' });
  });

  test('a standby and a replica that never started close too', async () => {
    const { application, replica } = await rig();
    await application.follow(none);
    await application.close();
    expect(replica.closed).toBe(1);
    const fresh = new ServiceApplication<Query, string>({
      replicas: () => scriptedFactory(new ScriptedReplica<Query, string>(new NoteMachine())),
      serve: () => Promise.reject(broken),
    });
    await fresh.close();
    expect(fresh.status()).toEqual({ role: 'closed', appliedIndex: 0 });
  });

  test('a port that cannot be listened on is told to the host, and what is there still closes', async () => {
    const refused = new ServiceApplication<Query, string>({
      replicas: () => scriptedFactory(new ScriptedReplica<Query, string>(new NoteMachine())),
      serve: () => Promise.reject(broken),
    });
    await expect(refused.start({ log: silentLogger } as never)).rejects.toBe(broken);
    await refused.close();
  });

  test('closed while it opens, it closes what was opened', async () => {
    const gate = Promise.withResolvers<void>();
    const { application, replica, log } = await rig({ opened: gate.promise });
    const opening = application.open(log.context());
    const closing = application.close();
    gate.resolve();
    await Promise.all([opening, closing]);
    expect(replica.closed).toBe(1);
  });
});
