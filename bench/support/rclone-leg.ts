/**
 * The peer: `rclone copy` of a journal's fragments onto a disk.
 *
 * 1. rclone checks the MD5 of every file after its copy by itself; its log is asked whether it did, and a copy without is no figure.
 * 2. The time is the process's, less what rclone takes to start and do nothing.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { S3Server } from '../../e2e/cluster/s3-server.ts';
import type { CompactedJournal } from './compacted.ts';

const run = promisify(execFile);
const LOG_BYTES = 64 * 1024 * 1024;

/** Ways to run it: many files at a time, or fewer in ranges. The better one is the peer. */
export const RCLONE_WAYS: Readonly<Record<string, readonly string[]>> = {
  'rclone copy, 8 transfers': ['--transfers', '8', '--multi-thread-streams', '0'],
  'rclone copy, 4 transfers x 4 ranges': [
    '--transfers',
    '4',
    '--multi-thread-streams',
    '4',
    '--multi-thread-cutoff',
    '32M',
    '--multi-thread-chunk-size',
    '16M',
  ],
};

function environment(server: S3Server): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: '/nonexistent', // no configuration but this one
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_BENCH_TYPE: 's3',
    RCLONE_CONFIG_BENCH_PROVIDER: 'Other',
    RCLONE_CONFIG_BENCH_ENDPOINT: server.endpoint,
    RCLONE_CONFIG_BENCH_REGION: 'us-east-1',
    RCLONE_CONFIG_BENCH_FORCE_PATH_STYLE: 'true',
    RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: server.accessKeyId,
    RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: server.secretAccessKey,
  };
}

/** How long rclone takes to start and end, ms: the least of a few. */
export async function rcloneStartMs(program: string, server: S3Server): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) {
    const startMs = performance.now();
    await run(program, ['version'], { env: environment(server) });
    least = Math.min(least, performance.now() - startMs);
  }
  return least;
}

/** Copies all fragments into `directory`; how long the process took, ms. @throws when it fails or did not check a digest (1). */
export async function rcloneCopy(
  program: string,
  server: S3Server,
  journal: CompactedJournal,
  directory: string,
  flags: readonly string[],
): Promise<number> {
  const from = `bench:${server.bucket}/${journal.name}`;
  const startMs = performance.now();
  const { stderr } = await run(program, ['copy', '-vv', ...flags, from, directory], {
    env: environment(server),
    maxBuffer: LOG_BYTES,
  });
  const tookMs = performance.now() - startMs;
  const checked = stderr.match(/md5 = [0-9a-f]{32} OK/g)?.length ?? 0;
  if (checked !== journal.fragments.length)
    throw new Error(
      `rclone checked ${checked} digests of ${journal.fragments.length}:\n${stderr.slice(-2000)}`,
    );
  return tookMs;
}
