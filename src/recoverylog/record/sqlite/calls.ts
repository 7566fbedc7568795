/**
 * What SQLite's C code calls: pointers and result codes on its side, DatabaseFiles on ours.
 *
 * V1  No exception passes into SQLite: it becomes a result code, and is kept for whoever called SQLite (takeError).
 * V2  A name is a path of the recorded directory, never one of this machine: journals name each other, and are read on other machines.
 * V3  Databases, their journals and super-journals are recorded; whatever else SQLite opens is scratch.
 * V4  Locks are granted: a database has one connection (files.ts F4).
 */
import type { sqlite3_io_methods, sqlite3_vfs, WasmPointer } from '@sqlite.org/sqlite-wasm';
import { ensureError, utf8, type Clock, type Random } from '../../../base/index.ts';
import { cleanPath } from '../../paths.ts';
import { SqliteTooLargeError } from './errors.ts';
import type { DatabaseFile } from './file.ts';
import type { DatabaseFiles } from './files.ts';
import type { Sqlite } from './load.ts';
import { checkPragma } from './pragmas.ts';
import { ScratchFile } from './scratch-file.ts';

/** What a journal's header is padded to. */
const SECTOR_BYTES = 512;
const MS_PER_DAY = 86_400_000;
/** Julian day number of 1970-01-01. */
const EPOCH_DAYS = 2_440_587.5;
const POINTER_BYTES = 4;

type Methods<T> = { [K in keyof T as K extends `x${string}` ? K : never]?: T[K] };

export class Calls {
  readonly sqlite: Sqlite;
  readonly files: DatabaseFiles;
  readonly clock: Clock;
  readonly random: Random;
  /** The table that an open file points to. */
  readonly #ioMethods: WasmPointer;
  readonly #open = new Map<WasmPointer, DatabaseFile>();
  #error: Error | undefined;

  constructor(
    sqlite: Sqlite,
    files: DatabaseFiles,
    ioMethods: WasmPointer,
    { clock, random }: { readonly clock: Clock; readonly random: Random },
  ) {
    this.sqlite = sqlite;
    this.files = files;
    this.#ioMethods = ioMethods;
    this.clock = clock;
    this.random = random;
  }

  takeError(): Error | undefined {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  /** SQLite's memory. It moves when it grows, so nobody keeps this. */
  memory(at: WasmPointer, length: number): Uint8Array {
    return this.sqlite.wasm.heap8u().subarray(at, at + length);
  }

  /** A path of the recorded directory (V2). */
  path(name: WasmPointer): string {
    const path = cleanPath(this.sqlite.wasm.cstrToJs(name) ?? '');
    if (path === undefined) throw new Error('the name leads out of the recorded directory');
    return path;
  }

  opened(at: WasmPointer, file: DatabaseFile): void {
    this.#open.set(at, file);
    this.sqlite.wasm.pokePtr(at, this.#ioMethods);
  }

  close(at: WasmPointer): number {
    const file = this.#open.get(at)!;
    this.#open.delete(at);
    return this.guard(this.sqlite.capi.SQLITE_IOERR_CLOSE, () => {
      file.close();
      return 0;
    });
  }

  /** Runs `act` on an open file; its code, or `failed` (V1). */
  on(at: WasmPointer, failed: number, act: (file: DatabaseFile) => number | void): never {
    return this.guard(failed, () => act(this.#open.get(at)!) ?? 0);
  }

  /** V1. The type says that any result code is one of those that SQLite's declarations list. */
  guard(failed: number, act: () => number): never {
    try {
      return act() as never;
    } catch (error) {
      this.#error = ensureError(error);
      return (error instanceof SqliteTooLargeError ? this.sqlite.capi.SQLITE_FULL : failed) as never;
    }
  }
}

/** An offset or a size: declared as a number, and given as what its 64 bits are in WebAssembly. */
const int64 = (value: number | bigint): number => Number(value);

/** What SQLite asks of an open file. */
export function ioMethods(calls: Calls): Methods<sqlite3_io_methods> {
  const { capi, wasm } = calls.sqlite;
  return {
    xClose: (file) => calls.close(file) as never,
    xRead: (file, into, length, offset) =>
      calls.on(file, capi.SQLITE_IOERR_READ, (open) => {
        const target = calls.memory(into, length);
        const got = open.read(target, int64(offset));
        if (got === length) return 0;
        target.fill(0, got);
        return capi.SQLITE_IOERR_SHORT_READ;
      }),
    xWrite: (file, from, length, offset) =>
      calls.on(file, capi.SQLITE_IOERR_WRITE, (open) =>
        open.write(calls.memory(from, length), int64(offset)),
      ),
    xTruncate: (file, size) =>
      calls.on(file, capi.SQLITE_IOERR_TRUNCATE, (open) => open.truncate(int64(size))),
    xSync: (file) => calls.on(file, capi.SQLITE_IOERR_FSYNC, (open) => open.sync()),
    xFileSize: (file, into) =>
      calls.on(file, capi.SQLITE_IOERR_FSTAT, (open) => {
        wasm.poke64(into, BigInt(open.size()));
      }),
    xLock: () => 0, // V4
    xUnlock: () => 0,
    xCheckReservedLock: (_file, into) => {
      wasm.poke32(into, 0);
      return 0;
    },
    xFileControl: (_file, what, argument) => {
      if (what !== capi.SQLITE_FCNTL_PRAGMA) return capi.SQLITE_NOTFOUND;
      return calls.guard(capi.SQLITE_ERROR, () => {
        const text = (index: number): string | null =>
          wasm.cstrToJs(wasm.peekPtr(argument + index * POINTER_BYTES));
        checkPragma(text(1) ?? '', text(2) ?? undefined);
        return capi.SQLITE_NOTFOUND; // nothing against it: SQLite does it
      });
    },
    xSectorSize: () => SECTOR_BYTES as never,
    // Of a write all or nothing is in the log, and what lies beside it stays; nobody else removes a file.
    xDeviceCharacteristics: () =>
      (capi.SQLITE_IOCAP_SAFE_APPEND |
        capi.SQLITE_IOCAP_POWERSAFE_OVERWRITE |
        capi.SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN) as never,
  };
}

/** What SQLite asks of the file system. */
export function vfsMethods(calls: Calls): Methods<sqlite3_vfs> {
  const { capi, wasm } = calls.sqlite;
  const recorded = capi.SQLITE_OPEN_MAIN_DB | capi.SQLITE_OPEN_MAIN_JOURNAL | capi.SQLITE_OPEN_SUPER_JOURNAL;
  return {
    xOpen: (_vfs, name, file, flags, flagsOut) =>
      calls.guard(capi.SQLITE_CANTOPEN, () => {
        wasm.pokePtr(file, 0); // nothing to be closed, should this fail
        if (name === 0 || (flags & recorded) === 0) {
          calls.opened(file, new ScratchFile()); // V3
        } else {
          const open = calls.files.open(calls.path(name), {
            create: (flags & capi.SQLITE_OPEN_CREATE) !== 0,
            exclusive: (flags & capi.SQLITE_OPEN_EXCLUSIVE) !== 0,
            isDatabase: (flags & capi.SQLITE_OPEN_MAIN_DB) !== 0,
          });
          if (open === undefined) return capi.SQLITE_CANTOPEN;
          calls.opened(file, open);
        }
        if (flagsOut !== 0) wasm.poke32(flagsOut, flags);
        return 0;
      }),
    xDelete: (_vfs, name) =>
      calls.guard(capi.SQLITE_IOERR_DELETE, () =>
        calls.files.unlink(calls.path(name)) ? 0 : capi.SQLITE_IOERR_DELETE_NOENT,
      ),
    xAccess: (_vfs, name, _flags, into) =>
      calls.guard(capi.SQLITE_IOERR_ACCESS, () => {
        wasm.poke32(into, calls.files.hasContent(calls.path(name)) ? 1 : 0);
        return 0;
      }),
    xFullPathname: (_vfs, name, length, into) =>
      calls.guard(capi.SQLITE_CANTOPEN_FULLPATH, () => {
        const path = utf8(`${calls.path(name)}\0`);
        if (path.length > length) return capi.SQLITE_CANTOPEN_FULLPATH;
        calls.memory(into, length).set(path);
        return 0;
      }),
    xRandomness: (_vfs, length, into) => {
      calls.memory(into, length).set(calls.random.bytes(length));
      return length as never;
    },
    xSleep: () => 0, // there is nobody to wait for (V4)
    xCurrentTime: (_vfs, into) => {
      wasm.poke(into, EPOCH_DAYS + calls.clock.wallMs() / MS_PER_DAY, 'double');
      return 0;
    },
    xCurrentTimeInt64: (_vfs, into) => {
      wasm.poke64(into, BigInt(EPOCH_DAYS * MS_PER_DAY + Math.floor(calls.clock.wallMs())));
      return 0;
    },
    xGetLastError: () => 0 as never,
  };
}
