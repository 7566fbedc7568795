/**
 * A real PostgreSQL on loopback, with the faults a database can have: dead in the middle of a statement, and back with what it had committed.
 *
 * 1. The port, the password and the data stay the same over kill and restart.
 * 2. Lives exactly as long as its harness (lifeline.ts).
 * 3. It refuses to run as root. Where the harness is root it runs as nobody, with a copy of its programs where root's home would be in the way.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, cp, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { postgresPrograms, unpackedPrograms, type PostgresPrograms } from '../tools/postgres.ts';
import { startChild, waitReady, type Child } from './child.ts';
import { HarnessError } from './errors.ts';
import { Lifeline } from './lifeline.ts';
import { freePort } from './ports.ts';

const run = promisify(execFile);
/** A second on an idle machine; recovery after a kill is of the same order. */
const START_TIMEOUT_MS = 60_000;
/** What the processes of a killed server take to notice: until then they keep the next one from starting. */
const RESTART_ATTEMPTS = 50;
/** The user that owns nothing, everywhere (3). */
const NOBODY = { uid: 65_534, gid: 65_534 };
const SUPERUSER = 'holdfast';

export interface PostgresServer {
  readonly port: number;
  /** What a client needs to connect as the superuser; `pg` takes it as it is. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** SIGKILL to the server; its connections end when its processes notice. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data; resolves when it takes connections. */
  restart(): Promise<void>;
  /** Ends it for good and removes its data. Idempotent. */
  stop(): Promise<void>;
}

interface Site {
  readonly programs: PostgresPrograms;
  readonly lifeline: Lifeline;
  readonly env: NodeJS.ProcessEnv;
  readonly data: string;
  readonly user: typeof NOBODY | undefined;
}

/** Starts a server with an empty database. Throws PostgresMissingError, HarnessError NOT_STARTED with its own words. */
export async function startPostgres(): Promise<PostgresServer> {
  const programs = postgresPrograms();
  const lifeline = await Lifeline.start('postgres');
  try {
    return await start(programs, lifeline);
  } catch (error) {
    await lifeline.end();
    throw error;
  }
}

async function start(found: PostgresPrograms, lifeline: Lifeline): Promise<PostgresServer> {
  const user = process.getuid?.() === 0 ? NOBODY : undefined;
  const programs = user && found.unpacked !== undefined ? await copied(found.unpacked, lifeline) : found;
  const env = lifeline.marked({ PATH: process.env['PATH'], ...programs.env });
  const site: Site = { programs, lifeline, env, data: join(lifeline.directory, 'data'), user };
  const password = randomBytes(16).toString('hex');
  await makeCluster(site, password);
  const port = await freePort();
  let server = await launch(site, port);
  return {
    port,
    connection: { host: '127.0.0.1', port, user: SUPERUSER, password, database: 'postgres' },
    kill: async () => {
      server.signal('SIGKILL');
      await server.exited;
    },
    restart: async () => {
      server = await relaunch(site, port);
    },
    stop: () => lifeline.end(),
  };
}

/** A copy that nobody may read (3). */
async function copied(unpacked: string, lifeline: Lifeline): Promise<PostgresPrograms> {
  const root = join(lifeline.directory, 'programs');
  await cp(unpacked, root, { recursive: true, verbatimSymlinks: true });
  return unpackedPrograms(root)!;
}

/** What PostgreSQL calls a cluster: the files of one server. */
async function makeCluster({ programs, lifeline, env, data, user }: Site, password: string): Promise<void> {
  const secret = join(lifeline.directory, 'password');
  await writeFile(secret, password, { mode: 0o600 });
  await mkdir(data, { mode: 0o700 });
  if (user) {
    await chmod(lifeline.directory, 0o711); // to pass through, not to look
    for (const path of [data, secret]) await chown(path, user.uid, user.gid);
  }
  const args = ['--pgdata', data, '--username', SUPERUSER, '--auth', 'scram-sha-256', '--pwfile', secret];
  const plain = ['--locale', 'C', '--encoding', 'UTF8', '--no-sync'];
  try {
    await run(join(programs.directory, 'initdb'), [...args, ...plain], {
      env,
      cwd: data,
      timeout: START_TIMEOUT_MS,
      ...user,
    });
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr).slice(-2_000) : '';
    throw new HarnessError('NOT_STARTED', `initdb failed: ${said || String(error)}`, { cause: error });
  }
}

async function launch({ programs, lifeline, env, data, user }: Site, port: number): Promise<Child> {
  const settings = { listen_addresses: '127.0.0.1', port, unix_socket_directories: '', jit: 'off' };
  const child = await startChild({
    command: join(programs.directory, 'postgres'),
    args: ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    env,
    cwd: data,
    logFile: join(lifeline.directory, 'postgres.log'),
    user,
  });
  await waitReady('postgres', child, () => listens(port), START_TIMEOUT_MS);
  return child;
}

async function relaunch(site: Site, port: number): Promise<Child> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(site, port);
    } catch (error) {
      if (attempt === RESTART_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** Whether the server says what only a ready one says: it asks for the password. While it starts up it sends an error instead. */
function listens(port: number): Promise<boolean> {
  const parameters = `user\0${SUPERUSER}\0database\0postgres\0\0`;
  const startup = Buffer.alloc(8 + parameters.length);
  startup.writeInt32BE(startup.length, 0);
  startup.writeInt32BE(0x0003_0000, 4); // protocol 3.0
  startup.write(parameters, 8, 'latin1');
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 1000 });
    socket.once('connect', () => socket.write(startup));
    socket.once('data', (answer) => {
      socket.destroy();
      resolve(answer[0] === 'R'.charCodeAt(0)); // a request for authentication
    });
    socket.once('timeout', () => socket.destroy(new Error('silent')));
    socket.once('error', reject);
    socket.once('close', () => resolve(false));
  });
}
