/**
 * Preload that gives a program a full disk: after SIGUSR2 every write to a file fails as the kernel's would. (A disk that is really full
 * takes root or a mount of its own, which a newcomer's machine does not give.)
 */
import { open } from 'node:fs/promises';

const handle = await open(process.execPath);
const FileHandle = Object.getPrototypeOf(handle);
await handle.close();

let isFull = false;

for (const call of ['write', 'writev']) {
  const real = FileHandle[call];
  FileHandle[call] = function (...args) {
    if (!isFull) return real.apply(this, args);
    const error = new Error(`ENOSPC: no space left on device, ${call}`);
    return Promise.reject(Object.assign(error, { code: 'ENOSPC', errno: -28, syscall: call }));
  };
}

process.on('SIGUSR2', () => {
  isFull = true;
});
