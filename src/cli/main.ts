#!/usr/bin/env node
/**
 * holdfast: one program for every role. This file knows the commands and their flags; what they do stands in the rooms.
 *
 * 1. Exit codes are those of src/api (EXIT); a command line that makes no sense ends with EXIT.configuration.
 * 2. A command loads the rooms it needs when it is asked for: a probe must not wait for a Kubernetes client to be loaded.
 * 3. SIGTERM and SIGINT ask for a clean end, once; a second one ends the process at once.
 */
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import type { OperatorOptions } from '../../operator/main.ts';
import type { Application } from '../agent/index.ts';
import { EXIT } from '../api/index.ts';
import { describeError, silentLogger, stopSignal } from '../base/index.ts';
import { addJournalCommands } from './journal.ts';
import { addKvCommands } from './kv.ts';
import { addLogCommands } from './log.ts';
import { logged, loggerOf, type LogFlags } from './server-flags.ts';
import { addStateCommands } from './state.ts';

/** Applications that are part of this image. Services of users make their own program with src/sdk. */
const APPLICATIONS: Readonly<Record<string, () => Promise<Application>>> = {
  kv: () => keyValueStore('memory'),
  'kv-sqlite': () => keyValueStore('sqlite'),
};

async function keyValueStore(engine: 'memory' | 'sqlite'): Promise<Application> {
  const { kvApplication } = await import('../kvstore/index.ts');
  const recordedDir = process.env['HOLDFAST_DATA_DIR'] ?? '/data'; // as the agent has it (agent/config.ts)
  return kvApplication({ engine, recordedDir });
}

/** Most rounds of a measurement: more tell nothing new and cost requests. */
const MAX_ROUNDS = 1000;

function countOf(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count <= MAX_ROUNDS) return count;
  throw new InvalidArgumentError(`A number from 0 to ${MAX_ROUNDS}.`);
}

function applicationOf(name: string): () => Promise<Application> {
  const make = APPLICATIONS[name];
  if (make) return make;
  throw new InvalidArgumentError(`This image has the applications: ${Object.keys(APPLICATIONS).join(', ')}.`);
}

const program = new Command('holdfast')
  .description(
    'Keeps stateful shards recoverable: fenced recovery logs on object storage, hot standbys, failover in seconds.',
  )
  .exitOverride();

logged(program.command('agent'))
  .description(
    'run as a pod of a shard; its orders come from the Shard object, its settings from the environment',
  )
  .argument('<application>', 'the service to host', applicationOf)
  .action(async (make: () => Promise<Application>, options: LogFlags) => {
    const log = loggerOf(options);
    const signal = stopSignal(log, EXIT.internal);
    const [{ startAgent }, application] = await Promise.all([import('../agent/index.ts'), make()]);
    process.exitCode = await startAgent({ env: process.env, application, log, signal });
  });

logged(program.command('operator'))
  .description('run the controllers; two replicas elect a leader')
  .requiredOption('--image <image>', 'image of the shards, unless a Shard names its own')
  .option('--image-pull-policy <policy>', 'Always, IfNotPresent or Never')
  .option('--http-port <port>', 'health and metrics')
  .option('--lease-name <name>', 'Lease by which the leader is elected')
  .option('--lease-ms <ms>', 'a leader that is not heard of for this long is replaced')
  .option('--renew-deadline-ms <ms>', 'a leader that cannot renew for this long steps down')
  .option('--retry-ms <ms>', 'between attempts to take or renew the lease')
  .option('--watch-namespace <namespace>', 'look after this namespace only')
  .action(async ({ logLevel, logFormat, ...options }: LogFlags & OperatorOptions) => {
    const log = loggerOf({ logLevel, logFormat });
    const signal = stopSignal(log, EXIT.internal);
    const { runOperator } = await import('../../operator/main.ts');
    process.exitCode = await runOperator(options, { signal, env: process.env, log });
  });

program
  .command('store')
  .description('object stores')
  .command('probe')
  .description(
    'check that a store keeps the promises a journal stands on; credentials come from the environment',
  )
  .argument('<url>', 's3://bucket/prefix?endpoint=…&region=…&forcePathStyle=true or file:///path')
  .option('--json', 'print the report as JSON')
  .option('--rounds <n>', 'rounds of the latency measurement, five requests each', countOf, 20)
  .action(
    async (url: string, { json = false, rounds }: { readonly json?: boolean; readonly rounds: number }) => {
      const { probe } = await import('./probe.ts');
      process.exitCode = await probe(url, { json, rounds, signal: stopSignal(silentLogger, EXIT.internal) });
    },
  );

addJournalCommands(program.command('journal').description('look into the journals of a store'));
addKvCommands(program.command('kv').description('call a key-value service, or run a read replica of one'));
addStateCommands(
  program.command('state').description('export, check and import snapshots of state machines'),
);
addLogCommands(program.command('log').description('play, check, begin and look into recovery logs'));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.configuration;
  else {
    console.error(JSON.stringify({ error: describeError(error) }));
    process.exitCode = EXIT.internal;
  }
}
// Whatever still holds the event loop (a connection that nobody closes) must not keep a finished process alive.
process.exit();
