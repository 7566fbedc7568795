/**
 * One listener to one pod's heartbeat stream (GET /v1/heartbeat, NDJSON).
 *
 * H1  A stream that ends is news at once: the view changes before any reconnect is tried.
 * H2  Silence is measured by the listener's own monotonic clock from the last whole line; what a line claims about time is never used.
 * H3  It reconnects until aborted, at most every RECONNECT.capMs, and never holds more than one connection.
 * H4  A line of another pod (an address that was given to a newcomer) is counted as no line at all.
 */
import { request, type IncomingMessage } from 'node:http';
import { parseHeartbeatLine, type HeartbeatLine } from '../../api/index.ts';
import {
  backoffMs,
  ensureError,
  errorCode,
  HoldfastError,
  type BackoffPolicy,
  type Clock,
  type Logger,
  type Random,
} from '../../base/index.ts';

export type HeartbeatConnection =
  /** No connection has succeeded yet. */
  | { readonly kind: 'connecting'; readonly failures: number; readonly lastError?: string }
  | { readonly kind: 'open'; readonly sinceMs: number }
  /** It was open and ended; `refused`: later attempts found no listener, so the process is gone although its host answers. */
  | {
      readonly kind: 'closed';
      readonly sinceMs: number;
      readonly failures: number;
      readonly refused: boolean;
    };

export interface HeartbeatView {
  readonly connection: HeartbeatConnection;
  readonly line: HeartbeatLine | undefined;
  /** Monotonic ms of the listener's clock when `line` arrived. */
  readonly lineAtMs: number | undefined;
}

export interface HeartbeatClientOptions {
  readonly host: string;
  readonly port: number;
  /** Lines of any other pod UID are ignored (H4). */
  readonly uid: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onChange: (view: HeartbeatView) => void;
}

/** First retry at once-ish, so that a restarted listener is found quickly; capped so that a dead one costs little. */
const RECONNECT: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 1000, jitter: 0.3 };
/** A connect that takes longer is given up: a silent host never answers, and H3 wants the next try. */
const CONNECT_TIMEOUT_MS = 2000;
/** Longest line taken, bytes; a heartbeat line is under 4 KiB with eight peers. */
const MAX_LINE_BYTES = 64 * 1024;

export class HeartbeatClient {
  readonly #options: HeartbeatClientOptions;
  #view: HeartbeatView = {
    connection: { kind: 'connecting', failures: 0 },
    line: undefined,
    lineAtMs: undefined,
  };

  constructor(options: HeartbeatClientOptions) {
    this.#options = options;
  }

  get view(): HeartbeatView {
    return this.#view;
  }

  /** Listens until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    let attempt = 0;
    while (!signal.aborted) {
      try {
        await this.#listen(signal, () => (attempt = 0));
        this.#ended(undefined);
      } catch (thrown) {
        if (signal.aborted) return;
        this.#ended(ensureError(thrown));
        if (log.isDebugEnabled())
          log.debug('heartbeat connection ended', { host: this.#options.host, error: thrown });
      }
      try {
        await clock.sleep(backoffMs(RECONNECT, attempt++, random), signal);
      } catch {
        return; // only an abort rejects a sleep
      }
    }
  }

  /** One connection, from dial to end. Resolves when the peer ends it cleanly, rejects on any error. */
  #listen(signal: AbortSignal, opened: () => void): Promise<void> {
    const { host, port, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const outgoing = request({ host, port, path: '/v1/heartbeat', agent: false, signal });
      const timer = clock.timer(CONNECT_TIMEOUT_MS, () =>
        outgoing.destroy(
          new HoldfastError(
            'HEARTBEAT_CONNECT_TIMEOUT',
            `No answer from ${host}:${port} in ${CONNECT_TIMEOUT_MS} ms.`,
          ),
        ),
      );
      outgoing.once('error', (error) => {
        timer.cancel();
        reject(error);
      });
      outgoing.once('response', (response) => {
        timer.cancel();
        if (response.statusCode !== 200) {
          response.destroy();
          reject(
            new HoldfastError(
              'HEARTBEAT_REFUSED',
              `The heartbeat endpoint of ${host}:${port} answered ${response.statusCode}.`,
            ),
          );
          return;
        }
        opened();
        this.#change({ ...this.#view, connection: { kind: 'open', sinceMs: clock.monotonicMs() } });
        this.#read(response, resolve, reject);
      });
      outgoing.end();
    });
  }

  #read(response: IncomingMessage, resolve: () => void, reject: (error: Error) => void): void {
    let rest = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      rest += text;
      for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
        this.#line(rest.slice(0, end));
        rest = rest.slice(end + 1);
      }
      if (rest.length > MAX_LINE_BYTES)
        response.destroy(
          new HoldfastError('HEARTBEAT_LINE_TOO_LONG', `A heartbeat line is above ${MAX_LINE_BYTES} bytes.`),
        );
    });
    response.once('end', resolve);
    response.once('error', reject);
    response.once('close', () =>
      reject(new HoldfastError('HEARTBEAT_CLOSED', 'The heartbeat connection closed.')),
    );
  }

  #line(text: string): void {
    const parsed = parseHeartbeatLine(text);
    if (!parsed.ok) {
      this.#options.log.warn('unreadable heartbeat line', {
        host: this.#options.host,
        problem: parsed.problem,
      });
      return;
    }
    if (parsed.line.uid !== this.#options.uid) return; // H4
    this.#change({ ...this.#view, line: parsed.line, lineAtMs: this.#options.clock.monotonicMs() });
  }

  #ended(error: Error | undefined): void {
    const was = this.#view.connection;
    const refused = errorCode(error) === 'ECONNREFUSED';
    let connection: HeartbeatConnection;
    switch (was.kind) {
      case 'open':
        connection = {
          kind: 'closed',
          sinceMs: this.#options.clock.monotonicMs(),
          failures: 0,
          refused: false,
        };
        break;
      case 'closed':
        connection = { ...was, failures: was.failures + 1, refused: was.refused || refused };
        break;
      case 'connecting':
        connection = {
          kind: 'connecting',
          failures: was.failures + 1,
          ...(error ? { lastError: error.message } : {}),
        };
        break;
    }
    this.#change({ ...this.#view, connection });
  }

  #change(view: HeartbeatView): void {
    this.#view = view;
    this.#options.onChange(view);
  }
}
