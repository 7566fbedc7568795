/**
 * holdfast kv: a key-value service from outside, and read replicas of one. This file knows the commands and their flags; what they do stands in kv/.
 *
 * 1. A command is loaded when it is asked for (2 of main.ts).
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Flags, ReadFlags, WriteFlags } from './kv/call.ts';
import type { FollowFlags } from './kv/follow.ts';
import type { ListFlags } from './kv/commands.ts';
import { logged } from './server-flags.ts';
import { positive } from './values.ts';

/** A URL, or several with commas between them. */
function urls(text: string): readonly URL[] {
  return text.split(',').map((part) => {
    if (!URL.canParse(part) || !/^https?:$/.test(new URL(part).protocol))
      throw new InvalidArgumentError('Give URLs as http://host:port, several with commas between them.');
    return new URL(part);
  });
}

function groups(text: string, before: readonly (readonly URL[])[] = []): readonly (readonly URL[])[] {
  return [...before, urls(text)];
}

/** host:port, or a port alone on every address. */
function address(text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits = ''] = /^(?:\[([^\]]+)\]:|([^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === '' || port > 65_535) throw new InvalidArgumentError('Give host:port, or a port.');
  const host = bracketed ?? plain ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port };
}

function calls(command: Command): Command {
  return command
    .requiredOption(
      '--endpoint <urls>',
      'URLs of the replicas, with commas between them; the primary is found',
      urls,
    )
    .option('--timeout-ms <ms>', 'for the whole call; by default 30000', positive)
    .option('--json', 'print JSON');
}

function reads(command: Command): Command {
  return calls(command).option(
    '--stale',
    'take what the first endpoint has applied; also of a standby or a read replica',
  );
}

function writes(command: Command): Command {
  return calls(command).option(
    '--request-id <id>',
    'the same id again is a repetition, not a second request',
  );
}

function expires(command: Command): Command {
  return writes(command).option(
    '--ttl-ms <ms>',
    'the pair ends to exist so long after it was taken',
    positive,
  );
}

/** Adds the commands to `holdfast kv`. */
export function addKvCommands(kv: Command): void {
  reads(kv.command('get').argument('<key>'))
    .description('print the value of a key as it is; ends with 1 when there is none')
    .action(async (key: string, flags: ReadFlags) => {
      const { get } = await import('./kv/commands.ts');
      process.exitCode = await get(key, flags);
    });

  reads(kv.command('list').argument('[prefix]', 'only keys that begin so', ''))
    .description('print keys and values in ascending order of keys')
    .option('--keys', 'print keys only')
    .option('--limit <n>', 'print at most so many', positive)
    .action(async (prefix: string, flags: ListFlags) => {
      const { list } = await import('./kv/commands.ts');
      process.exitCode = await list(prefix, flags);
    });

  calls(kv.command('stats'))
    .description('print figures of the first endpoint that answers')
    .action(async (flags: Flags) => {
      const { stats } = await import('./kv/commands.ts');
      process.exitCode = await stats(flags);
    });

  addWriting(kv);
  addFollow(kv);
}

function addWriting(kv: Command): void {
  expires(kv.command('put').argument('<key>').argument('[value]', 'by default what comes on standard input'))
    .description('set a value; returns when it is durable')
    .action(async (key: string, value: string | undefined, flags: WriteFlags) => {
      const { put } = await import('./kv/commands.ts');
      process.exitCode = await put(key, value, flags);
    });

  writes(kv.command('delete').argument('<key>'))
    .description('delete a key')
    .action(async (key: string, flags: WriteFlags) => {
      const { remove } = await import('./kv/commands.ts');
      process.exitCode = await remove(key, flags);
    });

  expires(kv.command('cas').argument('<key>').argument('<value>'))
    .description('set a value if the key holds what is expected; ends with 1 when it does not')
    .option('--expected <value>', 'what it must hold; by default there must be no such key')
    .action(async (key: string, value: string, flags: WriteFlags & { readonly expected?: string }) => {
      const { cas } = await import('./kv/commands.ts');
      process.exitCode = await cas(key, value, flags);
    });

  for (const name of ['backup', 'restore'] as const)
    calls(kv.command(name).argument('<url>', 's3://bucket/prefix?endpoint=…; credentials are the server’s'))
      .description(
        name === 'backup'
          ? 'have the primary write everything, at one point in time, to an object store'
          : 'have the primary REPLACE everything by a backup',
      )
      .action(async (url: string, flags: Flags) => {
        const commands = await import('./kv/commands.ts');
        process.exitCode = await commands[name](url, flags);
      });
}

function addFollow(kv: Command): void {
  logged(kv.command('follow'))
    .description(
      'run as a read replica of a service, which may be in another cluster; needs its HTTP API and nothing else',
    )
    .requiredOption(
      '--from <urls>',
      'replicas to follow, with commas between equals; repeat it for others that are asked only while these fail',
      groups,
    )
    .requiredOption('--listen <address>', 'host:port of its own HTTP API, /readyz and /metrics', address)
    .addOption(
      new Option('--engine <engine>', 'memory, or sqlite, which goes on from its directory after a restart')
        .choices(['memory', 'sqlite'])
        .default('memory'),
    )
    .option('--dir <dir>', 'where sqlite keeps its files')
    .option('--poll-interval-ms <ms>', 'between two questions while there is nothing new', positive, 500)
    .option('--max-lag <n>', 'ready while at most so many changes are missing', positive, 100_000)
    .option(
      '--max-age-ms <ms>',
      'ready while a source has answered within; by default ten poll intervals',
      positive,
    )
    .action(async (flags: FollowFlags) => {
      const { follow } = await import('./kv/follow.ts');
      process.exitCode = await follow(flags);
    });
}
