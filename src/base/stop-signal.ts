/**
 * The wish of whoever runs a process that it ends.
 */
import type { Logger } from './log.ts';

/** SIGTERM and SIGINT ask for a clean end, once; a second one ends the process at once, with `exitAtOnce`. */
export function stopSignal(log: Logger, exitAtOnce: number): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(exitAtOnce);
      log.info('asked to stop', { signal: name });
      stop.abort(new Error(name));
    });
  return stop.signal;
}
