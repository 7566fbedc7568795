/**
 * One watch, against a server that does everything wrong that a server and a network can do. After every test neither a connection nor a timer is left.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { RESOURCES, type KubeClient, type Resource, type WatchEnded, type WatchNews } from './index.ts';
import { refusal, RESET, ScriptedServer, SILENCE, StillClock, until } from './testing/index.ts';

const SILENCE_MS = 20_000;
let server: ScriptedServer;
let clock: StillClock;
let kube: KubeClient;
let news: WatchNews[];
let opened: number;

beforeEach(async () => {
  server = await ScriptedServer.start();
  clock = new StillClock();
  kube = server.client(clock);
  news = [];
  opened = 0;
});
afterEach(async () => {
  await until(async () => (await server.connections()) === 0);
  expect(await clock.isIdle()).toBe(true);
  await kube.close();
  await server.close();
});

const line = (type: string, name: string, version = '1'): string =>
  `${JSON.stringify({ type, object: { metadata: { name, uid: name, resourceVersion: version } } })}\n`;

interface Watching {
  readonly signal?: AbortSignal;
  readonly resource?: Resource;
  readonly namespace?: string;
  readonly onOpen?: () => void;
  readonly onNews?: (event: WatchNews) => void;
}

function watching(options: Watching = {}): Promise<WatchEnded> {
  return kube.watch(options.resource ?? RESOURCES.pod, {
    namespace: options.namespace ?? 'n',
    resourceVersion: '5',
    timeoutSeconds: 60,
    silenceMs: SILENCE_MS,
    signal: options.signal ?? new AbortController().signal,
    onOpen: options.onOpen ?? (() => opened++),
    onNews: options.onNews ?? ((event) => void news.push(event)),
  });
}

/** Answers 200 and does the rest itself. */
const streams =
  (speak: (response: ServerResponse) => void) =>
  (response: ServerResponse): void => {
    response.writeHead(200);
    speak(response);
  };

/** Says all of it, in pieces of `size` bytes that arrive one by one, and closes in good order. */
const inPieces = (bytes: Buffer, size: number): ReturnType<typeof streams> =>
  streams((response) => {
    response.socket?.setNoDelay(true);
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, (at += size)), () => setImmediate(next));
    };
    next();
  });

const told = (): string[] =>
  news.map((event) =>
    event.kind === 'bookmark'
      ? `bookmark ${event.resourceVersion}`
      : `${event.kind} ${event.object.metadata.name}`,
  );

describe('events', () => {
  // Letters of two, three and four bytes, cut everywhere.
  const bytes = Buffer.from(line('ADDED', 'żółw') + line('MODIFIED', '亀', '2') + line('DELETED', '🐢', '3'));

  test.each([1, 2, 3, 7, 64, bytes.length])('come in order, in pieces of %i bytes', async (size) => {
    server.script = [inPieces(bytes, size)];
    expect(await watching()).toEqual({ kind: 'closed' });
    expect(told()).toEqual(['added żółw', 'modified 亀', 'deleted 🐢']);
    expect(opened).toBe(1);
    expect(server.seen[0]!.url).toBe(
      '/api/v1/namespaces/n/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=60',
    );
  });

  test('come by the thousand in one go; blank lines are nothing', async () => {
    const names = Array.from({ length: 5000 }, (_, n) => `p${n}`);
    server.script = [
      streams((response) => response.end(names.map((name) => `\n${line('ADDED', name)}`).join(''))),
    ];
    expect(await watching()).toEqual({ kind: 'closed' });
    expect(told()).toEqual(names.map((name) => `added ${name}`));
  });

  test('may be as large as the server lets an object be', async () => {
    const large = { name: 'p', uid: 'p', resourceVersion: '1', annotations: { text: 'ż'.repeat(3_000_000) } };
    server.script = [
      streams((response) =>
        response.end(`${JSON.stringify({ type: 'ADDED', object: { metadata: large } })}\n`),
      ),
    ];
    expect(await watching()).toEqual({ kind: 'closed' });
    expect(news).toMatchObject([{ kind: 'added', object: { metadata: large } }]);
  });

  test('a bookmark is told as one', async () => {
    server.script = [
      streams((response) =>
        response.end('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"42"}}}\n'),
      ),
    ];
    expect(await watching()).toEqual({ kind: 'closed' });
    expect(told()).toEqual(['bookmark 42']);
  });
});

describe('every end says why', () => {
  test.each([
    [410, 'Expired', { kind: 'expired' }],
    [410, 'Gone', { kind: 'expired' }],
    [401, 'Unauthorized', { kind: 'forbidden', error: { code: 'KUBE_UNAUTHORIZED' } }],
    [403, 'Forbidden', { kind: 'forbidden', error: { code: 'KUBE_FORBIDDEN' } }],
    [404, 'NotFound', { kind: 'reset', error: { code: 'KUBE_NOT_FOUND' } }],
    [
      429,
      'TooManyRequests',
      { kind: 'reset', error: { code: 'KUBE_TOO_MANY_REQUESTS', retryAfterMs: 3000 } },
    ],
    [500, 'InternalError', { kind: 'reset', error: { code: 'KUBE_SERVER_ERROR' } }],
    [504, 'Timeout', { kind: 'reset', error: { code: 'KUBE_SERVER_ERROR' } }],
  ])('%i %s, instead of the stream and inside it', async (code, reason, end) => {
    server.script = [refusal(code, reason, { retryAfterSeconds: 3 })];
    expect(await watching()).toMatchObject(end);
    expect(opened).toBe(0);
    const object = { kind: 'Status', code, reason, details: { retryAfterSeconds: 3 } };
    const event = `${JSON.stringify({ type: 'ERROR', object })}\n`;
    server.script = [streams((response) => response.write(line('ADDED', 'a') + event + line('ADDED', 'b')))];
    expect(await watching()).toMatchObject(end);
    expect(told()).toEqual(['added a']);
    expect(server.seen).toHaveLength(2);
  });

  test.each(['{"type":"ERROR"}', '{"type":"ERROR","object":null}', '{"type":"ERROR","object":"why"}'])(
    'an error that does not say which (%s)',
    async (event) => {
      server.script = [streams((response) => response.write(`${event}\n`))];
      expect(await watching()).toMatchObject({ kind: 'reset', error: { code: 'KUBE_SERVER_ERROR' } });
    },
  );

  test('a connection that breaks, before the answer and after an event', async () => {
    server.script = [RESET];
    expect(await watching()).toMatchObject({ kind: 'reset', error: { code: 'KUBE_UNREACHABLE' } });
    expect(opened).toBe(0);
    server.script = [
      streams((response) => response.write(line('ADDED', 'a'), () => response.socket?.resetAndDestroy())),
    ];
    expect(await watching()).toMatchObject({ kind: 'reset' });
    expect(told()).toEqual(['added a']);
  });

  test.each([
    ['in a word', Buffer.from('{"type":"MODI')],
    ['in a letter', Buffer.from('{"type":"ADDED","object":{"metadata":{"name":"ż').subarray(0, -1)],
    ['at the very end', Buffer.from(line('ADDED', 'b').trimEnd())],
  ])('half a line is a cut, not a close, however politely it ends: %s', async (_, half) => {
    server.script = [
      streams((response) => response.end(Buffer.concat([Buffer.from(line('ADDED', 'a')), half]))),
    ];
    expect(await watching()).toMatchObject({ kind: 'reset', error: { code: 'KUBE_UNREACHABLE' } });
    expect(told()).toEqual(['added a']);
  });

  test.each([
    'nonsense: hunter2',
    '{"type":"ADDED","object":{"hunter2":',
    'null',
    '7',
    '[]',
    '{"type":"ADDED"}',
    '{"type":"ADDED","object":{"hunter2":1}}',
    '{"type":"ADDED","object":{"metadata":{"name":"hunter2"}}}',
    '{"type":"BOOKMARK","object":{"hunter2":1}}',
    '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":7}}}',
    '{"type":"DANCED","object":{"metadata":{"name":"a","resourceVersion":"1"}}}',
    '<html>hunter2</html>',
  ])(
    'a line that is no event (%s) ends it; nothing after it is delivered, nothing of it told',
    async (bad) => {
      server.script = [
        streams((response) => response.write(`${line('ADDED', 'a')}${bad}\n${line('ADDED', 'b')}`)),
      ];
      const end = await watching();
      expect(end).toMatchObject({ kind: 'undecodable', error: { code: 'KUBE_BAD_RESPONSE' } });
      expect(end.kind === 'undecodable' && `${end.error.message} ${String(end.error.cause)}`).not.toContain(
        'hunter2',
      );
      expect(told()).toEqual(['added a']);
    },
  );

  test('a line without end is given up', async () => {
    const block = Buffer.alloc(1024 * 1024, 'x');
    server.script = [
      streams((response) => {
        const more = (): void => void (response.writable && response.write(block, more));
        more();
      }),
    ];
    expect(await watching()).toMatchObject({ kind: 'undecodable' });
  });

  test('a namespace that is none', async () => {
    expect(await watching({ namespace: 'a/b' })).toMatchObject({
      kind: 'reset',
      error: { code: 'KUBE_INVALID' },
    });
    expect(server.seen).toHaveLength(0);
  });
});

describe('silence', () => {
  test('above the limit is a broken connection, counted from the last byte', async () => {
    let said: ServerResponse | undefined;
    server.script = [streams((response) => (said = response).write(line('ADDED', 'a')))];
    let ended: WatchEnded | undefined;
    void watching().then((end) => (ended = end)); // a watch never rejects; the test waits for `ended`
    await until(() => news.length === 1);
    await clock.advance(SILENCE_MS - 1);
    said!.write(line('ADDED', 'b'));
    await until(() => news.length === 2);
    await clock.advance(SILENCE_MS - 1);
    said!.write('{');
    // Half a line is a sign of life; it cannot be seen from outside, so the whole line follows.
    said!.write(line('ADDED', 'c').slice(1));
    await until(() => news.length === 3);
    await clock.advance(SILENCE_MS - 1);
    expect(ended).toBeUndefined();
    await clock.advance(1);
    await until(() => ended !== undefined);
    expect(ended).toMatchObject({ kind: 'reset', error: { code: 'KUBE_UNREACHABLE' } });
    expect((ended as unknown as { error: Error }).error.message).toContain(`${SILENCE_MS} ms`);
  });

  test.each([
    ['that accepts it and says nothing', streams((response) => response.flushHeaders())],
    [
      'that begins to refuse it and falls silent',
      (response: ServerResponse): void => {
        response.writeHead(500);
        response.write('{"kind":');
      },
    ],
    ['that does not even answer', SILENCE],
  ])('of a server %s', async (_, script) => {
    server.script = [script];
    let ended: WatchEnded | undefined;
    void watching().then((end) => (ended = end)); // a watch never rejects; the test waits for `ended`
    await until(() => server.seen.length === 1);
    await until(async () => {
      await clock.advance(1000);
      return ended !== undefined;
    });
    expect(ended).toMatchObject({ kind: 'reset', error: { code: 'KUBE_UNREACHABLE' } });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(10_000);
    expect(server.seen).toHaveLength(1);
  });
});

describe('an abort', () => {
  test('before it began asks nothing', async () => {
    expect(await watching({ signal: AbortSignal.abort(new Error('gone')) })).toEqual({ kind: 'aborted' });
    expect(server.seen).toHaveLength(0);
  });

  test('during the opening', async () => {
    server.script = [SILENCE];
    const stop = new AbortController();
    const end = watching({ signal: stop.signal });
    await until(() => server.seen.length === 1);
    stop.abort(new Error('enough'));
    expect(await end).toEqual({ kind: 'aborted' });
  });

  test('while nothing comes', async () => {
    server.script = [streams((response) => response.write(line('ADDED', 'a')))];
    const stop = new AbortController();
    const end = watching({ signal: stop.signal });
    await until(() => news.length === 1);
    stop.abort(new Error('enough'));
    expect(await end).toEqual({ kind: 'aborted' });
  });

  test('by the listener: of what came in the same piece nothing more is told', async () => {
    server.script = [
      streams((response) => response.write(line('ADDED', 'a') + line('ADDED', 'b') + 'nonsense\n')),
    ];
    const stop = new AbortController();
    const end = watching({
      signal: stop.signal,
      onNews: (event) => {
        news.push(event);
        stop.abort(new Error('enough'));
      },
    });
    expect(await end).toEqual({ kind: 'aborted' });
    expect(told()).toEqual(['added a']);
  });

  test('when it is accepted', async () => {
    server.script = [streams((response) => response.write(line('ADDED', 'a')))];
    const stop = new AbortController();
    const end = watching({ signal: stop.signal, onOpen: () => stop.abort(new Error('enough')) });
    expect(await end).toEqual({ kind: 'aborted' });
    expect(news).toEqual([]);
  });

  test('a long-lived signal collects no listeners', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      listeners--;
      remove(...args);
    };
    for (const script of [streams((response) => response.end(line('ADDED', 'a'))), RESET, refusal(500, '')]) {
      server.script = [script];
      await watching({ signal });
    }
    expect(listeners).toBe(0);
  });
});

describe('a listener that throws is a bug that is not swallowed', () => {
  const bug = (): never => {
    throw new TypeError('bug');
  };

  test.each<[string, Watching]>([
    ['at news', { onNews: bug }],
    ['at the opening', { onOpen: bug }],
  ])('%s', async (_, options) => {
    server.script = [streams((response) => response.write(line('ADDED', 'a')))];
    await expect(watching(options)).rejects.toMatchObject({
      code: 'WATCH_LISTENER_FAILED',
      cause: { message: 'bug' },
    });
  });
});

test('a hundred open watches keep no call waiting', async () => {
  server.script = [streams((response) => response.write(line('ADDED', 'a')))];
  const stop = new AbortController();
  const ends = Array.from({ length: 100 }, () => watching({ signal: stop.signal }));
  await until(() => news.length === 100);
  server.script = [refusal(404, 'NotFound')];
  await expect(kube.get(RESOURCES.pod, { namespace: 'n', name: 'p' })).rejects.toMatchObject({ status: 404 });
  stop.abort(new Error('enough'));
  expect(new Set((await Promise.all(ends)).map(({ kind }) => kind))).toEqual(new Set(['aborted']));
  await kube.close(); // the call's connection, which is kept for the next
});
