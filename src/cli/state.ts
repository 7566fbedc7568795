/**
 * holdfast state: exported snapshots of state machines, whatever the machine. This file knows the commands and their flags; each is a file in state/.
 */
import type { Command } from 'commander';
import type { CheckFlags } from './state/check.ts';
import type { ImportStateFlags } from './state/import.ts';
import { positive } from './values.ts';

const STORE = 's3://bucket/prefix?endpoint=…&region=… or file:///path; credentials come from the environment';

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
