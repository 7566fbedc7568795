/**
 * The file system of this machine, of which one call fails, or at one of whose calls the process dies.
 */
import { nodeDisk, type Disk, type DiskFile } from '../record/disk.ts';

/** What one call comes to: it is done, it fails with this error, or it is never answered, and no later one either. */
export type DiskFate = 'done' | Error | 'death before' | 'death after';

export interface ScriptedDisk {
  readonly disk: Disk;
  /** Calls so far, `open` or `file.write` and so on. */
  readonly calls: string[];
  /** Closes what a dead process had open, as its system would. */
  readonly release: () => Promise<void>;
}

/** `fate` is asked for each call, by its number from 0. */
export function scriptedDisk(fate: (call: number, name: string) => DiskFate): ScriptedDisk {
  const calls: string[] = [];
  let isDead = false;
  let isReleased = false;
  const never = (): Promise<never> => new Promise(() => undefined);

  async function act<T>(name: string, real: () => Promise<T>): Promise<T> {
    if (isDead) return await never();
    const what = fate(calls.push(name) - 1, name);
    if (what === 'done') return await real();
    if (what instanceof Error) throw what;
    isDead = true;
    if (what === 'death after') await real();
    return await never();
  }

  const open = new Set<DiskFile>();
  const fileOf = async (file: DiskFile): Promise<DiskFile> => {
    if (isReleased) await file.close();
    else open.add(file);
    return scripted(file);
  };
  const scripted = (file: DiskFile): DiskFile => ({
    write: (parts, offset) => act('file.write', () => file.write(parts, offset)),
    read: (offset, length) => act('file.read', () => file.read(offset, length)),
    truncate: (size) => act('file.truncate', () => file.truncate(size)),
    size: () => act('file.size', () => file.size()),
    close: () =>
      act('file.close', async () => {
        open.delete(file);
        await file.close();
      }),
  });
  const disk: Disk = {
    create: (path) => act('create', async () => await fileOf(await nodeDisk.create(path))),
    open: (path, access) => act('open', async () => await fileOf(await nodeDisk.open(path, access))),
    rename: (from, to) => act('rename', () => nodeDisk.rename(from, to)),
    link: (from, to) => act('link', () => nodeDisk.link(from, to)),
    unlink: (path) => act('unlink', () => nodeDisk.unlink(path)),
    mkdir: (path) => act('mkdir', () => nodeDisk.mkdir(path)),
    realpath: (path) => act('realpath', () => nodeDisk.realpath(path)),
  };
  const release = async (): Promise<void> => {
    isDead = isReleased = true;
    for (const file of open) await file.close();
    open.clear();
  };
  return { disk, calls, release };
}

/** What a call of the system throws. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: told by the system`), { code });
}
