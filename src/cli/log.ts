/**
 * holdfast log: recovery logs from outside. This file knows the commands and their flags; each is a file in log/.
 *
 * 1. Only import and fork write to a store, and only into a journal that is empty.
 * 2. A command is loaded when it is asked for (2 of main.ts).
 */
import type { Command } from 'commander';
import type { ForkFlags } from './log/fork.ts';
import type { HintsOptions } from './log/hints.ts';
import type { ImportFlags } from './log/import.ts';
import type { OpsOptions } from './log/ops.ts';
import type { PlayOptions } from './log/play.ts';
import type { LogOptions } from './log/source.ts';
import { bytes, collect, positive } from './values.ts';

const STORE = 's3://bucket/prefix?endpoint=…&region=… or file:///path; credentials come from the environment';

function source(command: Command): Command {
  return command
    .option('--store <url>', STORE)
    .option('--journal <name>', 'the journal that holds the log')
    .option('--generation <id>', 'which life of the name; needed when there are several')
    .option(
      '--raw <file>',
      'instead of a store: plain journal bytes from offset 0; further ones as NAME=FILE, for hints that begin in another log',
      collect,
    )
    .option('--json', 'print JSON');
}

function hinted(command: Command, of = 'hints to begin with'): Command {
  return source(command).option('--hints <file>', `${of}, JSON or protobuf as they are stored`, one);
}

/** The options know lists of hints files; most commands begin with one. */
function one(file: string): readonly string[] {
  return [file];
}

/** Adds the commands to `holdfast log`. */
export function addLogCommands(log: Command): void {
  source(log.command('ops'))
    .description('print what stands in a log, an operation a line; ends with 30 when some of it is damaged')
    .option('--from <bytes>', 'first byte of the log', bytes, 0)
    .option('--to <bytes>', 'end before what begins at this byte', bytes)
    .action(async (flags: OpsOptions) => {
      const { ops } = await import('./log/ops.ts');
      process.exitCode = await ops(flags);
    });

  hinted(log.command('play'))
    .description('restore the files of a log into a directory')
    .requiredOption('--out <dir>', 'empty or not there yet')
    .option('--force', 'empty the directory first')
    .action(async (flags: PlayOptions) => {
      const { play } = await import('./log/play.ts');
      process.exitCode = await play(flags);
    });

  hinted(log.command('plan'))
    .description('what a restore would read, and what it would leave out; reads no content')
    .action(async (flags: LogOptions) => {
      const { plan } = await import('./log/plan.ts');
      process.exitCode = await plan(flags);
    });

  hinted(log.command('hints'))
    .description('build the hints of a log as it stands, or say what a file of hints means')
    .option('--protobuf <file>', 'write the binary form to this file')
    .option('--show <file>', 'explain these hints; no log is needed')
    .action(async (flags: HintsOptions) => {
      const { hints } = await import('./log/hints.ts');
      process.exitCode = await hints(flags);
    });

  source(log.command('fsck'))
    .description(
      'read a whole log and say what is wrong where, and which hints play; ends with 0 when all is well, 1 when not',
    )
    .option(
      '--hints <file>',
      'hints to try, JSON or protobuf as they are stored; repeat it for several',
      collect,
    )
    .action(async (flags: LogOptions) => {
      const { fsck } = await import('./log/fsck.ts');
      process.exitCode = await fsck(flags);
    });

  addWriting(log);
}

/** The commands that write (1). */
function addWriting(log: Command): void {
  const begins = (command: Command): Command =>
    command
      .option('--term <n>', 'term of the session that writes it; by default 1', positive)
      .option('--hints-out <file>', 'write the hints to this file too');

  begins(log.command('import'))
    .description('WRITES a new log: a directory as it is, with its hard links; prints its hints')
    .argument('<dir>', 'nobody may write to it meanwhile')
    .requiredOption('--store <url>', STORE)
    .requiredOption('--journal <name>', 'name of the new log')
    .option(
      '--generation <id>',
      'which life of the name: the UID of the RecoveryLog that is to own it; by default a new one',
    )
    .option(
      '--skip',
      'leave out what a log cannot hold: symbolic links, sockets, pipes, devices, empty directories',
    )
    .option('--json', 'print JSON')
    .action(async (dir: string, flags: Omit<ImportFlags, 'dir'>) => {
      const { importLog } = await import('./log/import.ts');
      process.exitCode = await importLog({ ...flags, dir });
    });

  begins(hinted(log.command('fork')))
    .description(
      'WRITES a new log that begins with the state of another one, and points to its bytes; prints its hints',
    )
    .requiredOption('--to <name>', 'name of the new log')
    .option('--to-generation <id>', 'which life of that name; by default a new one')
    .addHelpText(
      'after',
      `
The old log is read, not written to. The fork holds none of its bytes: its hints name them where they are, so they must stay. Pin the old log
(spec.pins of its RecoveryLog) before you fork it, and until no hints of the fork name it any more; a pinned log is not pruned.`,
    )
    .action(async (flags: ForkFlags) => {
      const { fork } = await import('./log/fork.ts');
      process.exitCode = await fork(flags);
    });
}
