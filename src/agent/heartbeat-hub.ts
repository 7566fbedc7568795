/**
 * The sending side of heartbeats: every listener gets one line a second, and one at once on every change.
 *
 * B1  A listener that does not read is dropped, never waited for: its buffer is bounded by MAX_BEHIND_BYTES.
 */
import type { ServerResponse } from 'node:http';
import type { HeartbeatLine } from '../api/index.ts';
import type { Clock, Timer } from '../base/index.ts';

/** Period of lines, ms. Detection counts in multiples of it (DESIGN §5.3: silent above 3 s). */
export const HEARTBEAT_PERIOD_MS = 1000;
const MAX_BEHIND_BYTES = 256 * 1024;
/** Listeners at once: two operators and eight peers, with room for hand tools. */
const MAX_LISTENERS = 64;

export class HeartbeatHub {
  readonly #clock: Clock;
  readonly #line: () => HeartbeatLine;
  readonly #listeners = new Set<ServerResponse>();
  #timer: Timer | undefined;

  constructor(clock: Clock, line: () => HeartbeatLine) {
    this.#clock = clock;
    this.#line = line;
  }

  start(): void {
    const tick = (): void => {
      this.publish();
      this.#timer = this.#clock.timer(HEARTBEAT_PERIOD_MS, tick);
    };
    tick();
  }

  /** Adds a listener; false when there are too many. */
  add(response: ServerResponse): boolean {
    if (this.#listeners.size >= MAX_LISTENERS) return false;
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    response.write(`${JSON.stringify(this.#line())}\n`);
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
    return true;
  }

  /** Sends a line to everyone now. */
  publish(): void {
    if (this.#listeners.size === 0) return;
    const text = `${JSON.stringify(this.#line())}\n`;
    for (const listener of this.#listeners) {
      if (listener.writableLength > MAX_BEHIND_BYTES) listener.destroy();
      else listener.write(text);
    }
  }

  /** Sends the last line and ends every stream. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    const text = `${JSON.stringify(this.#line())}\n`;
    await Promise.all(
      [...this.#listeners].map(
        (listener) =>
          new Promise<void>((resolve) => {
            listener.once('close', resolve);
            listener.end(text);
          }),
      ),
    );
  }
}
