/**
 * holdfast state: snapshots of state machines outside their logs, whatever the machine. This file knows the commands and their flags; each is a file in state/.
 */
import type { Command } from 'commander';
import type { CheckFlags } from './state/check.ts';
import type { ExportStateFlags } from './state/export.ts';
import type { ImportStateFlags } from './state/import.ts';
import { positive } from './values.ts';

const STORE = 's3://bucket/prefix?endpoint=…&region=… or file:///path; credentials come from the environment';

/** The options know lists of hints files. */
function one(file: string): readonly string[] {
  return [file];
}

/** Adds the commands to `holdfast state`. */
export function addStateCommands(state: Command): void {
  state
    .command('check')
    .description('read every byte of an exported snapshot and say whether it is whole; ends with 30 when not')
    .argument('<dir>', 'the directory of the snapshot')
    .option('--json', 'print its manifest as JSON')
    .action(async (dir: string, flags: Omit<CheckFlags, 'dir'>) => {
      const { check } = await import('./state/check.ts');
      process.exitCode = await check({ ...flags, dir });
    });

  state
    .command('export')
    .description('write the state of a shard out of its log, as it is at the head; the service may go on')
    .requiredOption('--store <url>', STORE)
    .requiredOption('--journal <name>', 'name of the log')
    .requiredOption(
      '--machine <name>',
      'what wrote the state: kv, kv-sqlite, or a JavaScript file whose default export is a function that makes your machine',
    )
    .requiredOption('--out <dir>', 'where the directory of the snapshot is made')
    .option('--generation <id>', 'which life of the name; needed when there are several')
    .option('--hints <file>', 'hints to begin with, JSON or protobuf as they are stored', one)
    .option('--json', 'print JSON')
    .action(async (flags: ExportStateFlags) => {
      const { exportState } = await import('./state/export.ts');
      process.exitCode = await exportState(flags);
    });

  state
    .command('import')
    .description(
      'WRITES a log: an exported snapshot as its state; a new log, or with --replace one that has newer state',
    )
    .argument('<dir>', 'the directory of the snapshot')
    .requiredOption('--store <url>', STORE)
    .requiredOption('--journal <name>', 'name of the log')
    .option(
      '--generation <id>',
      'which life of the name: the UID of the RecoveryLog that is to own it; by default a new one',
    )
    .option('--replace', 'replace the state of a log that exists, whatever it is; no replica may run')
    .option(
      '--hints <file>',
      'with --replace: hints to restore the log from, JSON or protobuf as they are stored',
    )
    .option('--term <n>', 'term of the session that writes it; by default one above the last', positive)
    .option('--hints-out <file>', 'write the hints to this file too')
    .option('--json', 'print JSON')
    .action(async (dir: string, flags: Omit<ImportStateFlags, 'dir'>) => {
      const { importState } = await import('./state/import.ts');
      process.exitCode = await importState({ ...flags, dir });
    });
}
