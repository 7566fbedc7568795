/**
 * What the commands that run as servers share: their log, and the way they are asked to end.
 *
 * 1. SIGTERM and SIGINT ask for a clean end, once; a second one ends the process at once.
 */
import { Option, type Command } from 'commander';
import { EXIT } from '../api/index.ts';
import { createLogger, type Logger, type LogLevel } from '../base/index.ts';

export interface LogFlags {
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'text';
}

/** Adds the flags of the log. */
export function logged(command: Command): Command {
  return command
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info')
        .env('HOLDFAST_LOG_LEVEL'),
    )
    .addOption(
      new Option('--log-format <format>', 'form of log lines')
        .choices(['json', 'text'])
        .default('json')
        .env('HOLDFAST_LOG_FORMAT'),
    );
}

export function loggerOf({ logLevel: level, logFormat: format }: LogFlags): Logger {
  return createLogger({ level, format });
}

/** 1 */
export function stopSignal(log: Logger): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(EXIT.internal);
      log.info('asked to stop', { signal: name });
      stop.abort(new Error(name));
    });
  return stop.signal;
}
