/**
 * holdfast journal: looking into a journal from outside. This file knows the commands and their flags; each is a file in journal/.
 *
 * 1. A command that writes to a store says so in its description, and does it only when told with --fence.
 * 2. A command is loaded when it is asked for (2 of main.ts).
 */
import { Option, type Command } from 'commander';
import type { CatOptions } from './journal/cat.ts';
import type { CompactFlags } from './journal/compact.ts';
import type { CostOptions } from './journal/cost.ts';
import type { PruneFlags } from './journal/prune.ts';
import type { CommonOptions, Subject } from './run.ts';
import type { VerifyFlags } from './journal/verify.ts';
import { bytes, collect, number, share, whole } from './values.ts';

function subject(command: Command, journal = '<journal>'): Command {
  return command
    .argument(
      '<store-url>',
      's3://bucket/prefix?endpoint=…&region=… or file:///path; credentials come from the environment',
    )
    .argument(journal, 'name of the journal')
    .option('--generation <id>', 'which life of the name; needed when there are several')
    .option('--json', 'print JSON');
}

type Flags<T> = Omit<T, keyof Subject>;

/** Adds the commands to `holdfast journal`. */
export function addJournalCommands(journal: Command): void {
  const common = (store: string, name: string | undefined, flags: Flags<CommonOptions>): CommonOptions => ({
    ...flags,
    store,
    journal: name,
  });

  subject(journal.command('ls'), '[journal]')
    .description('list the slots of a journal, or the journals of a store')
    .action(async (store: string, name: string | undefined, flags: Flags<CommonOptions>) => {
      const { ls } = await import('./journal/ls.ts');
      process.exitCode = await ls(common(store, name, flags));
    });

  subject(journal.command('cat'))
    .description('print the content of a journal')
    .option('--from <bytes>', 'first byte of content', bytes, 0)
    .option('--to <bytes>', 'end before this byte; without it at the tail', bytes)
    .option('--follow', 'wait at the tail for what is appended')
    .action(async (store: string, name: string, flags: Flags<CatOptions>) => {
      const { cat } = await import('./journal/cat.ts');
      process.exitCode = await cat({ ...flags, store, journal: name });
    });

  subject(journal.command('stat'))
    .description('a journal in figures')
    .action(async (store: string, name: string, flags: Flags<CommonOptions>) => {
      const { stat } = await import('./journal/stat.ts');
      process.exitCode = await stat(common(store, name, flags));
    });

  subject(journal.command('verify'))
    .description(
      'read everything, check everything, and say what is wrong where; ends with 0 when all is well, 30 on damage',
    )
    .option('--at-least <bytes>', 'where the content ends at least, as hints or a backup know it', bytes)
    .action(async (store: string, name: string, flags: Flags<VerifyFlags>) => {
      const { verify } = await import('./journal/verify.ts');
      process.exitCode = await verify({ ...flags, store, journal: name });
    });

  addCompaction(journal);
  addCost(journal);
}

/** The commands that write (1). */
function addCompaction(journal: Command): void {
  const fencing = (command: Command): Command =>
    command
      .option('--fence', 'yes, take the journal over: its primary is fenced and stops')
      .option('--term <n>', 'term of the takeover; by default one above that of the log', whole)
      .option('--wait', 'stay for the grace of 15 min, and delete what has become superfluous');

  fencing(subject(journal.command('compact')))
    .description(
      'WRITES, and fences the primary: move what is in slots into fragments, for a journal that nobody owns now (a suspended shard). A running primary does it by itself',
    )
    .action(async (store: string, name: string, flags: Flags<CompactFlags>) => {
      const { compact } = await import('./journal/compact.ts');
      process.exitCode = await compact({ ...flags, store, journal: name });
    });

  fencing(subject(journal.command('prune')))
    .description(
      'which compacted content nobody needs, and who says so (--dry-run); without it WRITES, and fences the primary: compacts, and gives that content up. A running primary does it by itself',
    )
    .option(
      '--hints <file>',
      'the RecoveryLog as kubectl get -o json prints it, or one hints value; repeat it for every value there is',
      collect,
    )
    .option('--dry-run', 'only say what would go')
    .action(async (store: string, name: string, flags: Flags<PruneFlags>) => {
      const { prune } = await import('./journal/prune.ts');
      process.exitCode = await prune({ ...flags, store, journal: name });
    });
}

function addCost(journal: Command): void {
  subject(journal.command('cost'))
    .description(
      'estimate what a journal costs a month: as it was used so far, at a write rate, or from counted requests',
    )
    .option('--write-rate <bytes>', 'content a second while there are writes', bytes)
    .option('--flush-ms <ms>', 'group commit interval at that rate', number, 250)
    .option('--duty <part>', 'part of the time in which there are writes, 0 to 1', share, 1)
    .option('--standbys <n>', 'standbys that follow the journal', whole, 1)
    .option('--metrics <file>', 'saved /metrics of a pod; repeat it for every pod of the shard', collect)
    .option(
      '--metrics-seconds <s>',
      'in how long these were counted; by default from process start to the file’s time',
      number,
    )
    .addOption(
      new Option('--prices <store>', 'whose prices')
        .choices(['s3-standard', 's3-express', 'r2'])
        .default('s3-standard'),
    )
    .option('--put-price <usd>', 'a thousand PUTs or LISTs', number)
    .option('--get-price <usd>', 'a thousand GETs', number)
    .option('--storage-price <usd>', 'a gigabyte and month', number)
    .option('--upload-price <usd>', 'a gigabyte sent', number)
    .option('--download-price <usd>', 'a gigabyte received', number)
    .action(async (store: string, name: string, flags: Flags<CostOptions>) => {
      const { cost } = await import('./journal/cost.ts');
      process.exitCode = await cost({ ...flags, store, journal: name });
    });
}
