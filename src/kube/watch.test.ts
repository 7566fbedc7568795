/**
 * One watch, against a server that does everything wrong that a server and a network can do.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { systemClock } from '../base/index.ts';
import { RESOURCES, type KubeClient, type WatchEnded, type WatchNews } from './index.ts';
import { refusal, RESET, ScriptedServer, SILENCE } from './testing/index.ts';

let server: ScriptedServer;
let kube: KubeClient;
let news: WatchNews[];
let opened: number;

beforeEach(async () => {
  server = await ScriptedServer.start();
  kube = server.client(systemClock);
  news = [];
  opened = 0;
});
afterEach(async () => {
  await kube.close();
  await server.close();
});

const line = (type: string, name: string, version = '1'): string =>
  `${JSON.stringify({ type, object: { metadata: { name, uid: name, resourceVersion: version } } })}\n`;

function watching(
  options: { silenceMs?: number; signal?: AbortSignal; onNews?: (event: WatchNews) => void } = {},
): Promise<WatchEnded> {
  return kube.watch(RESOURCES.pod, {
    namespace: 'n',
    resourceVersion: '5',
    timeoutSeconds: 60,
    silenceMs: options.silenceMs ?? 20_000,
    signal: options.signal ?? new AbortController().signal,
    onOpen: () => opened++,
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

describe('events', () => {
  test('come in order, however they are cut into chunks, letters of several bytes included', async () => {
    const bytes = Buffer.from(
      line('ADDED', 'żółw') + line('MODIFIED', 'żółw', '2') + line('DELETED', 'żółw', '3'),
    );
    server.script = [
      streams((response) => {
        let at = 0;
        const next = (): void => {
          if (at >= bytes.length) return void response.end();
          response.write(bytes.subarray(at, (at += 7)), () => setImmediate(next));
        };
        next();
      }),
    ];
    expect(await watching()).toEqual({ kind: 'closed' });
    expect(
      news.map((event) => [event.kind, event.kind === 'bookmark' ? '' : event.object.metadata.name]),
    ).toEqual([
      ['added', 'żółw'],
      ['modified', 'żółw'],
      ['deleted', 'żółw'],
    ]);
    expect(opened).toBe(1);
    expect(server.seen[0]!.url).toBe(
      '/api/v1/namespaces/n/pods?watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=60',
    );
  });

  test('a bookmark is told as one', async () => {
    server.script = [streams((response) => response.end(line('BOOKMARK', '', '42')))];
    await watching();
    expect(news).toEqual([{ kind: 'bookmark', resourceVersion: '42' }]);
  });
});

describe('every end says why', () => {
  test('410 before the stream, and as an event inside it', async () => {
    server.script = [refusal(410, 'Expired')];
    expect(await watching()).toEqual({ kind: 'expired' });
    server.script = [
      streams((response) => response.end('{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n')),
    ];
    expect(await watching()).toEqual({ kind: 'expired' });
    expect(opened).toBe(1);
  });

  test('other errors, rights that are missing, and a connection that breaks', async () => {
    server.script = [
      streams((response) => response.end('{"type":"ERROR","object":{"code":500,"message":"etcd"}}\n')),
    ];
    expect(await watching()).toMatchObject({ kind: 'reset', error: { code: 'KUBE_SERVER_ERROR' } });
    server.script = [refusal(403, 'Forbidden')];
    expect(await watching()).toMatchObject({ kind: 'forbidden' });
    server.script = [RESET];
    expect(await watching()).toMatchObject({ kind: 'reset', error: { code: 'KUBE_UNREACHABLE' } });
    server.script = [
      streams((response) => response.write(line('ADDED', 'a'), () => response.socket?.destroy())),
    ];
    expect(await watching()).toMatchObject({ kind: 'reset' });
    expect(news).toHaveLength(1);
  });

  test('half a line at the end is a cut, not a close', async () => {
    server.script = [streams((response) => response.end(line('ADDED', 'a') + '{"type":"MODI'))];
    expect(await watching()).toMatchObject({ kind: 'reset' });
    expect(news).toHaveLength(1);
  });

  test.each(['nonsense\n', '{"type":"ADDED","object":{}}\n', '{"type":"DANCED","object":{}}\n'])(
    'a line that is no event (%j) ends it, and nothing after it is delivered',
    async (bad) => {
      server.script = [streams((response) => response.end(line('ADDED', 'a') + bad + line('ADDED', 'b')))];
      expect(await watching()).toMatchObject({ kind: 'undecodable', error: { code: 'KUBE_BAD_RESPONSE' } });
      expect(news).toHaveLength(1);
    },
  );

  test('silence above the limit, counted from the last byte', async () => {
    server.script = [streams((response) => void response.write(line('ADDED', 'a')))];
    expect(await watching({ silenceMs: 50 })).toMatchObject({
      kind: 'reset',
      error: { message: /nothing came for 50 ms/ },
    });
    expect(news).toHaveLength(1);
    while ((await server.connections()) > 0) await systemClock.sleep(1);
  });

  test('an abort, before, during the opening and in the middle', async () => {
    const gone = new AbortController();
    gone.abort(new Error('gone'));
    expect(await watching({ signal: gone.signal })).toEqual({ kind: 'aborted' });
    expect(server.seen).toHaveLength(0);
    server.script = [SILENCE];
    const opening = new AbortController();
    const first = watching({ signal: opening.signal });
    while (server.seen.length < 1) await systemClock.sleep(1);
    opening.abort(new Error('enough'));
    expect(await first).toEqual({ kind: 'aborted' });
    server.script = [streams((response) => void response.write(line('ADDED', 'a')))];
    const middle = new AbortController();
    const second = watching({ signal: middle.signal, onNews: () => middle.abort(new Error('enough')) });
    expect(await second).toEqual({ kind: 'aborted' });
    while ((await server.connections()) > 0) await systemClock.sleep(1);
  });

  test('a listener that throws is a bug that is not swallowed', async () => {
    server.script = [streams((response) => void response.write(line('ADDED', 'a')))];
    const broken = watching({
      onNews: () => {
        throw new TypeError('bug');
      },
    });
    await expect(broken).rejects.toMatchObject({ code: 'WATCH_LISTENER_FAILED' });
  });
});
