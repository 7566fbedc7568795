/**
 * What every service over HTTP has: how refusals look, how long a request waits, how many there are at once.
 */
import { afterEach, expect, test } from '@jest/globals';
import { request } from 'undici';
import {
  createMetrics,
  EMPTY_BYTES,
  HoldfastError,
  silentLogger,
  systemClock,
  systemRandom,
  type Clock,
  type Timer,
} from '../base/index.ts';
import type { Result } from '../statemachine/index.ts';
import { ServiceError } from './errors.ts';
import { consistencyOf, httpService, identityOf } from './http-service.ts';
import type { Listener, Service } from './service.ts';

const opened: Listener[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((listener) => listener.close()));
});

/** The real clock, but a test decides when a request's deadline is over. */
class Deadlines implements Clock {
  readonly fire: (() => void)[] = [];
  wallMs = (): number => systemClock.wallMs();
  monotonicMs = (): number => systemClock.monotonicMs();
  sleep = (delayMs: number, signal?: AbortSignal): Promise<void> => systemClock.sleep(delayMs, signal);

  timer(delayMs: number, fire: () => void): Timer {
    if (delayMs !== 15_000) return systemClock.timer(delayMs, fire);
    this.fire.push(fire);
    return { cancel: () => undefined };
  }
}

interface Rig {
  readonly clock: Deadlines;
  readonly asked: { readonly identity: unknown; readonly signal: AbortSignal | undefined }[];
  readonly call: (
    path: string,
    init?: Parameters<typeof request>[1],
  ) => Promise<{
    readonly status: number;
    readonly retryAfter: unknown;
    readonly body: unknown;
  }>;
}

/** A service whose proposals do what `propose` does. */
async function rig(propose: () => Promise<Result>): Promise<Rig> {
  const clock = new Deadlines();
  const asked: { identity: unknown; signal: AbortSignal | undefined }[] = [];
  const service: Service<string, string> = {
    propose: (_cmd, identity, signal) => {
      asked.push({ identity, signal });
      return propose();
    },
    proposeAll: async (commands, told, signal) => {
      for (const [n, { identity }] of commands.entries()) {
        asked.push({ identity, signal });
        told(n, await propose());
      }
    },
    read: (query, consistency) =>
      Promise.resolve({ answer: `${query} ${consistency}`, appliedIndex: 1, lagBytes: 0 }),
    registerSession: () => Promise.resolve(1n),
    unregisterSession: () => Promise.resolve(true),
    stateHash: () => Promise.resolve('hash'),
    status: () => ({ role: 'serving', appliedIndex: 1 }),
  };
  const serve = httpService<string, string>((http, own) => {
    http.post('/do', async (asking) => ({
      value: (await own.propose(EMPTY_BYTES, identityOf(asking))).value,
    }));
    http.post('/all', async () => {
      const values: number[] = [];
      const all = [1, 2].map(() => ({ cmd: EMPTY_BYTES, identity: {} }));
      await own.proposeAll(all, (n, outcome) => (values[n] = outcome instanceof Error ? -1 : outcome.value));
      return { values };
    });
    http.get('/look', async (asking) => ({ found: (await own.read('q', consistencyOf(asking))).answer }));
    http.get('/theirs', () =>
      Promise.reject(Object.assign(new Error('no such thing'), { statusCode: 404, code: 'NONE' })),
    );
  });
  const listener = await serve(service, {
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    metrics: createMetrics(),
    clock,
    random: systemRandom,
    lag: () => undefined,
  });
  opened.push(listener);
  return {
    clock,
    asked,
    call: async (path, init) => {
      const reply = await request(`http://127.0.0.1:${listener.port}${path}`, init);
      return {
        status: reply.statusCode,
        retryAfter: reply.headers['retry-after'],
        body: await reply.body.json(),
      };
    },
  };
}

const post = { method: 'POST' } as const;
const done = (value: number): Promise<Result> => Promise.resolve({ value, data: EMPTY_BYTES });

test('a success is the route’s, with the client’s identity and consistency', async () => {
  const { call, asked } = await rig(() => done(7));
  expect(await call('/do', { ...post, headers: { 'holdfast-request-id': 'r1' } })).toMatchObject({
    status: 200,
    body: { value: 7 },
  });
  expect(await call('/do', post)).toMatchObject({ status: 200 });
  expect(asked.map(({ identity }) => identity)).toEqual([{ requestId: 'r1' }, {}]);
  expect((await call('/look')).body).toEqual({ found: 'q linearizable' });
  expect((await call('/look?consistency=stale')).body).toEqual({ found: 'q stale' });
});

test.each([
  [new ServiceError('NOT_PRIMARY', 'not here'), 421, '1', { code: 'NOT_PRIMARY', message: 'not here' }],
  [new ServiceError('OUTCOME_UNKNOWN', 'perhaps'), 503, '1', { code: 'OUTCOME_UNKNOWN' }],
  [new ServiceError('INVALID_COMMAND', 'too long'), 400, undefined, { code: 'INVALID_COMMAND' }],
  [new HoldfastError('SECRET', 'the password is …'), 500, undefined, { code: 'INTERNAL' }],
] as const)(
  'a failure is told by its status and code, and no more than is meant for others (%#)',
  async (thrown, status, retryAfter, body) => {
    const { call } = await rig(() => Promise.reject(thrown));
    const reply = await call('/do', post);
    expect(reply).toMatchObject({ status, retryAfter, body });
    expect(JSON.stringify(reply.body)).not.toContain('password');
  },
);

test('what a route refuses by itself has its own status; what nobody knows is not found', async () => {
  const { call } = await rig(() => done(1));
  expect(await call('/theirs')).toMatchObject({
    status: 404,
    body: { code: 'NONE', message: 'no such thing' },
  });
  expect((await call('/nowhere')).status).toBe(404);
  const large = { ...post, body: Buffer.alloc(2 * 1024 * 1024), headers: { 'content-type': 'text/plain' } };
  expect((await call('/do', large)).status).toBe(413);
});

test('several commands have their outcomes', async () => {
  const { call } = await rig(() => done(7));
  expect((await call('/all', post)).body).toEqual({ values: [7, 7] });
});

test.each(['/do', '/all'])('a request waits for the log no longer than its deadline (%s)', async (path) => {
  const gone = Promise.withResolvers<Result>();
  const { call, clock, asked } = await rig(() => gone.promise);
  const waiting = call(path, post);
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(asked[0]!.signal?.aborted).toBe(false);
  clock.fire[0]!();
  expect(asked[0]!.signal?.reason).toMatchObject({ code: 'DEADLINE' });
  gone.reject(new ServiceError('OUTCOME_UNKNOWN', 'as the service says then'));
  expect((await waiting).status).toBe(503);
});
