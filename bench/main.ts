/**
 * Runs a bench by name, each in a process of its own: `npm run bench -- <name> [options]`; without a name, lists them.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Every bench with what it measures, against what. */
const BENCHES: Readonly<Record<string, string>> = {
  'commit-latency': 'a commit through the journal at one writer, over a bare conditional PUT',
  'append-throughput': 'appends of 4 MiB batches to one journal, over plain PUTs of the same bytes',
  'group-commit': '10,000 writers of 100 bytes on one journal: memory store and S3, over bare grouping',
  'tail-latency': 'append acknowledged to a tailing reader that has it, beside one GET',
  'read-throughput':
    'reading a compacted journal of 2 GiB onto a disk, over the best of rclone copy and bare parallel GETs',
  compaction:
    'compaction of 512 MiB by its owner: throughput over reading and writing the same bytes, memory, pauses',
  'open-10k': 'open and fence a log of 10,000 live slots at 5 ms a request, over bare parallel GETs',
  sqlite: 'inserts into a recorded SQLite database, over the same database without a recorder',
  'gazette-compat':
    "logs of ours, imported, random, handed over and forked, played by Gazette's own player (HOLDFAST_GAZETTE_PLAYLOG)",
  'recoverylog-play': "playing a recovery log into a directory, over Gazette's player on the same bytes",
  'recoverylog-s3':
    'playing a large recovery log from S3 onto a disk, over bare parallel GETs of the same objects',
  'standby-lag': 'a write of a primary at 50 MB/s acknowledged to applied by its standby; its promotion',
  'recoverylog-memory':
    'unpack, decode, apply and encode operations of a recovery log in memory, over the bare CRC-32C',
  'recoverylog-hints':
    'bytes of a log that exact hints leave to be pruned, beside those of the rule of Gazette, on the same histories',
  'recoverylog-record': "recording a directory: large, small and churning files, over Gazette's Recorder",
  kv: 'puts and linearizable gets of the key-value service, over a single etcd on the same disk',
  state:
    'a million keys: restored from snapshot and tail, beside an etcd that starts; puts while a snapshot is written',
  failover: 'the write gap that clients see, fault by fault',
};

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !Object.hasOwn(BENCHES, name)) {
  const width = Math.max(...Object.keys(BENCHES).map((each) => each.length));
  const lines = Object.entries(BENCHES).map(([each, what]) => `  ${each.padEnd(width)}  ${what}`);
  console.error(
    `usage: npm run bench -- <name> [options]; --json FILE writes the figures\n${lines.join('\n')}`,
  );
  process.exitCode = 2;
} else {
  const file = join(import.meta.dirname, `${name}.ts`);
  process.exitCode = spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' }).status ?? 1;
}
