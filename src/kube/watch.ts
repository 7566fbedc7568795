/**
 * watch: one watch connection, from its opening to a typed end (ecosystem.md §1.1).
 *
 * W1  It never rejects and never ends in silence: the end says why, and whoever owns the watch decides what is next.
 * W2  Silence above the limit, bookmarks included, is a broken connection: a peer that vanished closes nothing.
 * W3  A line that is no event is an end, not something to pass over: what it would have told is unknown. Nothing of
 *     the line is told: it may be a secret.
 * W4  An exception of a listener (`onOpen`, `onNews`) is a bug of this program: it ends the watch and rejects its promise, never swallowed.
 */
import type { IncomingMessage } from 'node:http';
import { ensureError, HoldfastError, type Clock } from '../base/index.ts';
import { isKubeError, KubeError } from './errors.ts';
import { isObject } from './objects.ts';
import { collectionPath, query, selectors } from './resources.ts';
import { failureOfEvent } from './status.ts';
import type { Transport } from './transport.ts';
import type { Resource, WatchEnded, WatchNews, WatchOptions } from './types.ts';

/** Longest wait for the server to accept a watch, ms. */
const OPEN_DEADLINE_MS = 10_000;
/** Longest line, characters: an object is at most 1.5 MiB at etcd, more as JSON with its managed fields. */
const MAX_LINE = 16 * 1024 * 1024;

/** A listener threw (W4). */
class ListenerFailedError extends HoldfastError {
  constructor(cause: unknown) {
    super('WATCH_LISTENER_FAILED', 'A listener of a watch threw. This is a bug; please report it.', {
      cause,
    });
  }
}

/** @throws only what a listener threw (W4) */
export async function watchOnce(
  transport: Transport,
  clock: Clock,
  resource: Resource,
  options: WatchOptions,
): Promise<WatchEnded> {
  const { namespace, resourceVersion, timeoutSeconds, signal } = options;
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) return { kind: 'aborted' };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const path =
      collectionPath(resource, namespace) +
      query({
        ...selectors(options),
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion,
        timeoutSeconds,
      });
    const stream = await transport.stream(path, OPEN_DEADLINE_MS, stop.signal);
    listener(() => options.onOpen?.());
    return await read(stream, clock, options);
  } catch (error) {
    if (error instanceof ListenerFailedError) throw error;
    return signal.aborted ? { kind: 'aborted' } : endOf(error);
  } finally {
    stop.abort(new Error('the watch has ended'));
    signal.removeEventListener('abort', onAbort);
  }
}

async function read(stream: IncomingMessage, clock: Clock, options: WatchOptions): Promise<WatchEnded> {
  const { silenceMs, signal, onNews } = options;
  let silent = false;
  const watchdog = (): ReturnType<Clock['timer']> =>
    clock.timer(silenceMs, () => {
      silent = true;
      stream.destroy();
    });
  let timer = watchdog();
  let rest = '';
  try {
    stream.setEncoding('utf8');
    for await (const chunk of stream as AsyncIterable<string>) {
      timer.cancel();
      timer = watchdog();
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) return undecodable('a line is too long', rest);
      for (const line of lines) {
        if (line.trim() === '') continue;
        const event = parseEvent(line);
        if (event.kind === 'end') return event.end;
        listener(() => onNews(event.news));
        if (signal.aborted) return { kind: 'aborted' };
      }
    }
  } catch (error) {
    if (error instanceof ListenerFailedError) throw error;
    if (signal.aborted) return { kind: 'aborted' };
    if (silent) return silence(silenceMs);
    return endOf(error);
  } finally {
    timer.cancel();
    stream.destroy();
  }
  if (signal.aborted) return { kind: 'aborted' };
  if (silent) return silence(silenceMs);
  return rest.trim() === '' ? { kind: 'closed' } : reset('the connection ended inside an event');
}

/** W4 */
function listener(call: () => void): void {
  try {
    call();
  } catch (error) {
    throw new ListenerFailedError(ensureError(error));
  }
}

type Parsed =
  | { readonly kind: 'news'; readonly news: WatchNews }
  | { readonly kind: 'end'; readonly end: WatchEnded };

function parseEvent(line: string): Parsed {
  let event: { readonly type?: unknown; readonly object?: unknown };
  try {
    event = (JSON.parse(line) ?? {}) as typeof event;
  } catch {
    return { kind: 'end', end: undecodable('a line is no JSON', line) };
  }
  const { type, object } = event;
  if (type === 'ERROR') return { kind: 'end', end: endOf(failureOfEvent(object)) };
  if (type === 'BOOKMARK') {
    const version = (object as { metadata?: { resourceVersion?: unknown } } | undefined)?.metadata
      ?.resourceVersion;
    if (typeof version === 'string')
      return { kind: 'news', news: { kind: 'bookmark', resourceVersion: version } };
  } else if ((type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') && isObject(object)) {
    const kind = ({ ADDED: 'added', MODIFIED: 'modified', DELETED: 'deleted' } as const)[type];
    return { kind: 'news', news: { kind, object } };
  }
  return { kind: 'end', end: undecodable('an event is not of a known form', line) };
}

/** W1 */
function endOf(error: unknown): WatchEnded {
  if (isKubeError(error, 'KUBE_EXPIRED')) return { kind: 'expired' };
  if (isKubeError(error, 'KUBE_FORBIDDEN', 'KUBE_UNAUTHORIZED')) return { kind: 'forbidden', error };
  return { kind: 'reset', error: ensureError(error) };
}

function reset(what: string): WatchEnded {
  const error = new KubeError('KUBE_UNREACHABLE', `The watch was cut: ${what}.`, { retryable: true });
  return { kind: 'reset', error };
}

function silence(silenceMs: number): WatchEnded {
  return reset(`nothing came for ${silenceMs} ms`);
}

/** W3 */
function undecodable(what: string, line: string): WatchEnded {
  const error = new KubeError(
    'KUBE_BAD_RESPONSE',
    `The watch cannot be followed: ${what} (${line.length} characters).`,
    {
      retryable: true,
    },
  );
  return { kind: 'undecodable', error };
}
