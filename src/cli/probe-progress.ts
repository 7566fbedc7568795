/**
 * How far a probe is: one line that changes on a terminal, one line a step elsewhere. Goes to stderr, so that stdout holds the result alone.
 */
import type { Clock } from '../base/index.ts';
import type { ProbeProgress } from '../store/index.ts';

/** The part of process.stderr that is used. */
export interface ProgressStream {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

export interface Progress {
  show(progress: ProbeProgress): void;
  /** Leaves nothing on a terminal. */
  end(): void;
}

const CLEAR_LINE = '\r\u001B[2K';

/** Shows progress on `stream`. */
export function probeProgress(stream: ProgressStream, clock: Clock): Progress {
  const terminal = stream.isTTY === true;
  let startMs = clock.monotonicMs();
  return {
    show({ name, number, total, property }) {
      const at = `[${String(number).padStart(String(total).length)}/${total}] ${name}`;
      if (terminal) {
        if (property === undefined) stream.write(`${CLEAR_LINE}${at} …`);
        return;
      }
      if (property === undefined) {
        startMs = clock.monotonicMs();
        return;
      }
      const tookMs = Math.round(clock.monotonicMs() - startMs);
      stream.write(`${at}: ${property.ok ? 'ok' : 'FAIL'} (${tookMs} ms)\n`);
    },
    end() {
      if (terminal) stream.write(CLEAR_LINE);
    },
  };
}
