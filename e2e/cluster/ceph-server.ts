/**
 * A real Ceph RGW on loopback: one monitor, one OSD that keeps its objects in memory, one gateway; about two seconds and 150 MB.
 *
 * 1. Made of Ceph's daemons and map tools alone: the first map already holds the OSD, so that no administration client has to run.
 * 2. Lives exactly as long as its harness (lifeline.ts). Nothing survives a stop.
 * 3. `pauseDisk` freezes the OSD alone: the gateway accepts requests and then says nothing, and they take effect later.
 */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { cephPrograms, type CephProgram, type CephPrograms } from '../tools/ceph.ts';
import { cephConfig } from './ceph-config.ts';
import { type Child, freeze, startChild, waitReady } from './child.ts';
import { HarnessError } from './errors.ts';
import { Lifeline } from './lifeline.ts';
import { freePort } from './ports.ts';

const run = promisify(execFile);
/** Two seconds on an idle machine. */
const START_TIMEOUT_MS = 60_000;
const BUCKET = 'holdfast';
const REGION = 'us-east-1';

/** A running gateway; see the header. */
export interface CephServer {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  /** Store URL as Holdfast takes it. */
  readonly url: string;
  /** Freezes the OSD (3). */
  pauseDisk(): void;
  /** Thaws it. */
  resumeDisk(): void;
  /** Ends everything and removes its data. Idempotent. */
  stop(): Promise<void>;
}

interface Site {
  readonly programs: CephPrograms;
  readonly lifeline: Lifeline;
  readonly env: NodeJS.ProcessEnv;
  readonly endpoint: string;
}

/** Starts Ceph with an empty bucket. Throws CephMissingError, HarnessError NOT_STARTED with the daemon's own words. */
export async function startCephServer(): Promise<CephServer> {
  const programs = cephPrograms();
  const lifeline = await Lifeline.start('ceph');
  try {
    return await start(programs, lifeline);
  } catch (error) {
    await lifeline.end();
    throw error;
  }
}

async function start(programs: CephPrograms, lifeline: Lifeline): Promise<CephServer> {
  const { directory } = lifeline;
  const [monPort, s3Port] = [await freePort(), await freePort()];
  const fsid = randomUUID();
  const config = join(directory, 'ceph.conf');
  const env = lifeline.marked({ PATH: process.env['PATH'], CEPH_CONF: config, ...programs.env });
  const site: Site = { programs, lifeline, env, endpoint: `http://127.0.0.1:${s3Port}` };
  await writeFile(config, cephConfig({ fsid, directory, monPort, s3Port, libraries: programs.libraries }));
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(directory, name));
  await makeMaps(site, fsid, monPort);
  await daemon(site, 'ceph-mon', ['--id', 'a']);
  await tool(site, 'ceph-osd', ['--id', '0', '--mkfs', '--osd-uuid', randomUUID()]);
  const disk = await daemon(site, 'ceph-osd', ['--id', '0']);
  const keys = await makeUser(site);
  const gateway = await daemon(site, 'radosgw', ['--name', 'client.admin']);
  await waitReady('radosgw', gateway, () => answers(site.endpoint), START_TIMEOUT_MS);
  await makeBucket(site.endpoint, keys);
  return handle(site, keys, disk);
}

/** Keys, the monitor's map, and a first map of OSDs that already holds the one there will be (1). */
async function makeMaps(site: Site, fsid: string, monPort: number): Promise<void> {
  const at = (name: string): string => join(site.lifeline.directory, name);
  const keyring = at('keyring');
  const all = ['--cap', 'mon', 'allow *', '--cap', 'osd', 'allow *', '--cap', 'mgr', 'allow *'];
  await tool(site, 'ceph-authtool', [keyring, '--create-keyring']);
  for (const name of ['mon.', 'client.admin', 'osd.0'])
    await tool(site, 'ceph-authtool', [keyring, '--gen-key', '--name', name, ...all]);
  const address = `[v2:127.0.0.1:${monPort}]`;
  await tool(site, 'monmaptool', ['--create', '--fsid', fsid, '--addv', 'a', address, at('monmap')]);
  await tool(site, 'osdmaptool', ['--createsimple', '1', '--pg-bits', '0', at('osdmap')]);
  const maps = ['--monmap', at('monmap'), '--osdmap', at('osdmap'), '--keyring', keyring];
  await tool(site, 'ceph-mon', ['--id', 'a', '--mkfs', ...maps]);
}

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The S3 user; waits until the pools exist that it is kept in. */
async function makeUser(site: Site): Promise<Keys> {
  const keys = {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  const named = ['--uid', 'holdfast', '--display-name', 'holdfast'];
  const secrets = ['--access-key', keys.accessKeyId, '--secret', keys.secretAccessKey];
  await tool(site, 'radosgw-admin', ['user', 'create', ...named, ...secrets]);
  return keys;
}

async function makeBucket(endpoint: string, credentials: Keys): Promise<void> {
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials });
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } finally {
    client.destroy();
  }
}

/** Runs a program to its end. */
async function tool(site: Site, program: CephProgram, args: readonly string[]): Promise<void> {
  const { programs, env, lifeline } = site;
  try {
    await run(programs.path(program), args, { env, cwd: lifeline.directory, timeout: START_TIMEOUT_MS });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-2_000) : '';
    throw new HarnessError('NOT_STARTED', `${program} ${args[0] ?? ''} failed: ${said || String(error)}`, {
      cause: error,
    });
  }
}

/** Starts a program that stays. */
function daemon(site: Site, program: CephProgram, args: readonly string[]): Promise<Child> {
  const { programs, env, lifeline } = site;
  return startChild({
    command: programs.path(program),
    args: ['-f', ...args],
    env,
    cwd: lifeline.directory,
    logFile: join(lifeline.directory, `${program}.log`),
  });
}

async function answers(endpoint: string): Promise<boolean> {
  const response = await fetch(endpoint, { signal: AbortSignal.timeout(1000) });
  await response.body?.cancel();
  return response.status < 500;
}

function handle(site: Site, keys: Keys, disk: Child): CephServer {
  const { endpoint, lifeline } = site;
  const query = new URLSearchParams({ endpoint, region: REGION, forcePathStyle: 'true' });
  return {
    endpoint,
    ...keys,
    bucket: BUCKET,
    url: `s3://${BUCKET}?${query.toString()}`,
    pauseDisk: () => freeze(-disk.pid),
    resumeDisk: () => void disk.signalGroup('SIGCONT'),
    stop: () => lifeline.end(),
  };
}
