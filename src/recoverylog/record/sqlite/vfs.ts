/**
 * A file system of its own for one connection, registered with SQLite: what ATTACH opens through it is recorded like the database itself.
 */
import type { Clock, Random } from '../../../base/index.ts';
import { Calls, ioMethods, vfsMethods } from './calls.ts';
import type { DatabaseFiles } from './files.ts';
import type { Sqlite } from './load.ts';

/** Longest path, bytes: as long as Linux takes. */
const MAX_PATH_BYTES = 4096;
/** What SQLite keeps of an open file for us: the pointer to its methods. */
const FILE_BYTES = 4;
/** Version of the methods of open files: without shared memory, so that SQLite cannot use a write-ahead log. */
const IO_VERSION = 1;
/** Version of the file system's methods: with a clock in whole numbers. */
const VFS_VERSION = 2;

export interface Vfs {
  readonly name: string;
  /** Why the last call that failed has failed, once (calls.ts V1). */
  takeError(): Error | undefined;
  /** To be called when no database is open any more. */
  remove(): void;
}

let made = 0;

export function addVfs(
  sqlite: Sqlite,
  files: DatabaseFiles,
  ports: { readonly clock: Clock; readonly random: Random },
): Vfs {
  const { capi } = sqlite;
  const name = `holdfast-${++made}`;
  const io = new capi.sqlite3_io_methods();
  const vfs = new capi.sqlite3_vfs();
  Object.assign(io, { $iVersion: IO_VERSION }); // its declaration forgets the dollar sign
  vfs.$iVersion = VFS_VERSION;
  vfs.$szOsFile = FILE_BYTES;
  vfs.$mxPathname = MAX_PATH_BYTES;
  const calls = new Calls(sqlite, files, io.pointer, ports);
  sqlite.vfs.installVfs({
    io: { struct: io, methods: ioMethods(calls) },
    vfs: { struct: vfs, methods: vfsMethods(calls), name },
  });
  return {
    name,
    takeError: () => calls.takeError(),
    remove: () => {
      capi.sqlite3_vfs_unregister(vfs.pointer);
      vfs.dispose();
      io.dispose();
    },
  };
}
