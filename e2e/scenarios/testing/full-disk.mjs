/**
 * Preload that gives a program a full disk: after SIGUSR2 every write to a file fails as the kernel's would. (A disk that is really full
 * takes root or a mount of its own, which a newcomer's machine does not give.)
 */
import { open } from 'node:fs/promises';

const handle = await open(process.execPath);
const FileHandle = Object.getPrototypeOf(handle);
await handle.close();

const { write } = FileHandle;
let isFull = false;

FileHandle.write = function (...args) {
  if (!isFull) return write.apply(this, args);
  const error = new Error('ENOSPC: no space left on device, write');
  return Promise.reject(Object.assign(error, { code: 'ENOSPC', errno: -28, syscall: 'write' }));
};

process.on('SIGUSR2', () => {
  isFull = true;
});
