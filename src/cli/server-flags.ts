/**
 * The flags that the commands that run as servers share.
 */
import { Option, type Command } from 'commander';
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
