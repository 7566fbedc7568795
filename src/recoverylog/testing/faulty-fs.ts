/**
 * The local file system with a fault at one of its calls, or dead from that call on.
 */
import { localFs, type LocalFile, type LocalFs } from '../play/local-fs.ts';

export interface FaultyFs {
  readonly fs: LocalFs;
  /** Calls so far. */
  calls(): number;
  /** Files open now. */
  open(): number;
  /** Most files that were open at a time. */
  mostOpen(): number;
}

/** What a call that fails rejects with. */
export class LocalDiskError extends Error {
  readonly code = 'EIO';
}

/** How it fails: once, or dead from there on as after a crash. */
export type DiskFault = 'once' | 'for good';

/** @param failAt the number of the call that fails, from 1 on; @param onCall told of each call before it is made */
export function faultyFs(
  failAt: number,
  fault: DiskFault = 'once',
  onCall?: (call: number) => void,
): FaultyFs {
  let [calls, open, most] = [0, 0, 0];
  const call = async <T>(does: string, work: () => Promise<T>): Promise<T> => {
    calls++;
    onCall?.(calls);
    if (calls === failAt || (fault === 'for good' && calls > failAt))
      throw new LocalDiskError(`${does} failed`);
    return await work();
  };
  const wrapped = (file: LocalFile): LocalFile => ({
    write: (bytes, start, length, position) =>
      call('write', () => file.write(bytes, start, length, position)),
    writev: (buffers, position) => call('writev', () => file.writev(buffers, position)),
    sync: () => call('sync', () => file.sync()),
    close: async () => {
      open--;
      await file.close();
      await call('close', () => Promise.resolve());
    },
  });
  const fs: LocalFs = {
    open: (path, flags) =>
      call('open', async () => {
        const file = await localFs.open(path, flags);
        open++;
        most = Math.max(most, open);
        return wrapped(file);
      }),
    mkdir: (path) => call('mkdir', () => localFs.mkdir(path)),
    readdir: (path) => call('readdir', () => localFs.readdir(path)),
    remove: (path) => call('remove', () => localFs.remove(path)),
    link: (from, to) => call('link', () => localFs.link(from, to)),
    unlink: (path) => call('unlink', () => localFs.unlink(path)),
  };
  return { fs, calls: () => calls, open: () => open, mostOpen: () => most };
}
