/**
 * Disks with a fault for a server: one that is small enough to be filled, one that is slow. No root is needed where the machine lets its users
 * have namespaces and trace their own programs.
 *
 * 1. A small disk is a tmpfs in a mount namespace of the server's own: nobody else sees it, and it is gone with the server's process.
 * 2. A slow disk is one whose directory operations take their time: strace holds the server's threads up in the system calls that open, tag, name
 *    and remove files, after the kernel has done them. It is not the device that is slow: our server never waits for that (it calls no fsync),
 *    so a slow device would show in nothing but memory.
 * 3. A machine that permits neither is told from a test that fails: HarnessError with one sentence that says what is needed.
 */
import { execFile } from 'node:child_process';
import { HarnessError } from './errors.ts';

/** A program and its arguments. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
}

/** Makes of a server's start one on this disk. `root`: the directory where it keeps everything; `bucket`: one in it that must exist. */
export type Disk = (server: Launch, root: string, bucket: string) => Promise<Launch>;

/** Arguments: root, bucket, size, then the program. */
const MOUNT_AND_RUN =
  'set -e; mount -t tmpfs -o "size=$3,mode=0700" holdfast "$1"; mkdir "$1/$2"; shift 3; exec "$@"';
/** With a user namespace anybody may mount; root may without one, where user namespaces are switched off. */
const UNSHARE: readonly (readonly string[])[] = [
  ['--user', '--map-root-user', '--mount'],
  ['--mount', '--propagation', 'private'],
];
/** What a namespace takes to be made on a busy machine, ms. */
const TRY_MS = 10_000;

/** A disk of so many bytes, empty at every start of the server (1). The server's own temporary files are on it too. */
export function smallDisk(bytes: number): Disk {
  return async (server, root, bucket) => {
    const flags = await firstThatWorks(
      UNSHARE,
      (each) => succeeds('unshare', [...each, 'mount', '-t', 'tmpfs', 'holdfast', root]),
      'a disk that can be filled needs a tmpfs in a mount namespace, and this machine gives none to this user: allow user namespaces ' +
        '(sysctl kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0), or run as root with CAP_SYS_ADMIN',
    );
    const { command, args } = server;
    const script = ['sh', '-c', MOUNT_AND_RUN, 'sh', root, bucket, String(bytes), command, ...args];
    return { command: 'unshare', args: [...flags, ...script] };
  };
}

/** System calls that begin, describe and end a file. Those on its bytes are also those on sockets. */
const FILE_CALLS = 'openat,fsetxattr,renameat,renameat2,unlinkat,mkdirat';
/** The one that gives an object its name, and so commits it. */
const COMMIT_CALL = 'linkat';

export interface Slowness {
  /** Every call takes so long, ms. An object takes five or six. */
  readonly callMs: number;
  /** Every nth commit stalls, after it has taken effect, for so long, ms. */
  readonly stall: { readonly every: number; readonly ms: number };
}

/** A disk that takes its time over every object, and now and then much longer (2). */
export function slowDisk({ callMs, stall }: Slowness): Disk {
  return async ({ command, args }) => {
    await firstThatWorks(
      [['-f', '-o', '/dev/null', 'true']],
      (each) => succeeds('strace', each),
      'a slow disk needs strace, and the right to trace programs of this user (sysctl kernel.yama.ptrace_scope at most 1)',
    );
    const inject = [
      `inject=${FILE_CALLS}:delay_exit=${callMs * 1000}`,
      `inject=${COMMIT_CALL}:delay_exit=${stall.ms * 1000}:when=${stall.every}+${stall.every}`,
    ];
    const traced = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${FILE_CALLS},${COMMIT_CALL}`];
    return {
      command: 'strace',
      args: [...traced, ...inject.flatMap((each) => ['-e', each]), command, ...args],
    };
  };
}

async function firstThatWorks<T>(
  ways: readonly T[],
  works: (way: T) => Promise<boolean>,
  otherwise: string,
): Promise<T> {
  for (const way of ways) if (await works(way)) return way;
  throw new HarnessError('NO_SUCH_DISK', otherwise);
}

function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, [...args], { timeout: TRY_MS }, (error) => resolve(error === null));
  });
}
