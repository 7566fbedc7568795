/**
 * A real S3 server (versitygw over a directory) on loopback, with the faults a store can have: dead, frozen, back again.
 *
 * 1. The port, the credentials and the data stay the same over kill and restart.
 * 2. `pause` stops the process without closing a socket: clients hear nothing, which is not an error they can see.
 * 3. Lives exactly as long as its harness (lifeline.ts).
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { serverBinaries } from '../tools/servers.ts';
import type { Disk } from './disks.ts';
import { type Child, freeze, startChild, waitReady } from './child.ts';
import { HarnessError } from './errors.ts';
import { Lifeline } from './lifeline.ts';
import { freePort, isFree } from './ports.ts';

const START_TIMEOUT_MS = 15_000;
/** Somebody may take the port between our look and the server's bind; then another port is tried. */
const PORT_ATTEMPTS = 5;
const REGION = 'us-east-1';

/** What a server needs; everything has a default. */
export interface S3ServerOptions {
  /** Path of versitygw; by default the one of e2e/tools. */
  readonly binary?: string;
  /** Name of the bucket that exists from the start. */
  readonly bucket?: string;
  /** Its port on 127.0.0.1; by default a free one. */
  readonly port?: number;
  /** What the server demands; by default made up. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** What its data lies on; by default the machine's own disk. */
  readonly disk?: Disk | undefined;
}

/** A running server; see the header for what the switches promise. */
export interface S3Server {
  /** `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  readonly port: number;
  /** Of the process as it runs now. */
  pid(): number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
  /** Store URL as Holdfast takes it; credentials come from the environment (`credentials()`). */
  readonly url: string;
  /** Where versitygw keeps the bucket; files in it are the objects. */
  readonly directory: string;
  /** The two AWS_… variables and the region, to spread into an environment. */
  credentials(): Record<string, string>;
  /** Freezes the process (SIGSTOP). */
  pause(): void;
  /** Thaws it. */
  resume(): void;
  /** SIGKILL; resolves when the process is gone and its port refuses connections. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data (kills it first when it runs); resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it for good and removes its data. Idempotent. */
  stop(): Promise<void>;
}

async function answers(endpoint: string): Promise<boolean> {
  const response = await fetch(endpoint, { signal: AbortSignal.timeout(1000) });
  await response.body?.cancel();
  return response.status < 500; // without a signature it says 403, which proves that it serves
}

/**
 * Starts a server with an empty bucket. Throws HarnessError PORT_TAKEN when `port` is somebody else's, NOT_STARTED with the server's own words.
 */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const binary = options.binary ?? serverBinaries().versitygw;
  const lifeline = await Lifeline.start('s3');
  try {
    return await start(binary, options, lifeline);
  } catch (error) {
    await lifeline.end();
    throw error;
  }
}

function madeUp(): { accessKeyId: string; secretAccessKey: string } {
  return {
    accessKeyId: randomBytes(10).toString('hex').toUpperCase(),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
}

async function start(binary: string, options: S3ServerOptions, lifeline: Lifeline): Promise<S3Server> {
  const { bucket = 'holdfast', credentials = madeUp(), disk } = options;
  const { accessKeyId, secretAccessKey } = credentials;
  const root = join(lifeline.directory, 'buckets');
  await mkdir(join(root, bucket), { recursive: true });
  const launch = async (port: number): Promise<Child> => {
    const args = [
      '--quiet',
      '--keep-alive',
      '--region',
      REGION,
      '--port',
      `127.0.0.1:${port}`,
      'posix',
      root,
    ];
    const program = { command: binary, args };
    const child = await startChild({
      ...(disk ? await disk(program, root, bucket) : program),
      env: lifeline.marked({
        PATH: process.env['PATH'],
        ROOT_ACCESS_KEY: accessKeyId,
        ROOT_SECRET_KEY: secretAccessKey,
      }),
      logFile: join(lifeline.directory, 'versitygw.log'),
    });
    await waitReady('versitygw', child, () => answers(`http://127.0.0.1:${port}`), START_TIMEOUT_MS);
    return child;
  };
  const first =
    options.port === undefined ? await launchOnFreePort(launch) : await launchOn(options.port, launch);
  return handle({ lifeline, launch, root, bucket, accessKeyId, secretAccessKey, ...first });
}

async function launchOn(
  port: number,
  launch: (port: number) => Promise<Child>,
): Promise<{ port: number; child: Child }> {
  // Asked first: a client of ours must never talk to whoever has the port.
  if (await isFree(port)) return { port, child: await launch(port) };
  throw new HarnessError(
    'PORT_TAKEN',
    `port ${port} is taken; end what listens there, or choose another port`,
  );
}

async function launchOnFreePort(
  launch: (port: number) => Promise<Child>,
): Promise<{ port: number; child: Child }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return { port, child: await launch(port) };
    } catch (error) {
      const taken = error instanceof Error && /address already in use/i.test(error.message);
      if (!taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

interface Parts {
  readonly lifeline: Lifeline;
  readonly launch: (port: number) => Promise<Child>;
  readonly root: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly port: number;
  readonly child: Child;
}

function handle(parts: Parts): S3Server {
  const { lifeline, launch, port, bucket, accessKeyId, secretAccessKey } = parts;
  const endpoint = `http://127.0.0.1:${port}`;
  const query = new URLSearchParams({ endpoint, region: REGION, forcePathStyle: 'true' });
  let child = parts.child;
  let stopped = false;
  const running = (): Child => {
    if (!stopped && child.isAlive()) return child;
    throw new HarnessError(
      'S3_NOT_RUNNING',
      `the S3 server at ${endpoint} is not running; restart() it first`,
    );
  };
  const kill = async (): Promise<void> => {
    child.signalGroup('SIGKILL');
    await child.exited;
  };
  return {
    endpoint,
    port,
    pid: () => running().pid,
    accessKeyId,
    secretAccessKey,
    bucket,
    url: `s3://${bucket}?${query.toString()}`,
    directory: parts.root,
    credentials: () => ({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_REGION: REGION,
    }),
    pause: () => freeze(-running().pid),
    resume: () => void running().signalGroup('SIGCONT'),
    kill,
    async restart() {
      if (stopped)
        throw new HarnessError('S3_STOPPED', 'this S3 server was stopped for good and has no data left');
      await kill();
      child = await launch(port);
    },
    async stop() {
      stopped = true;
      await kill();
      await lifeline.end();
    },
  };
}
