/**
 * file: the port through which stateio reads and writes, and its adapter for plain files of this machine.
 *
 * P1  A read may return fewer bytes than asked for only at the end of the file.
 * P2  Buffers handed to `write` belong to the file until the promise settles; buffers a `read` returns belong to the caller.
 */
import { checkPosition, systemFiles, type FileCalls, type FileSystemCalls } from '../base/index.ts';

/** What a reader needs (offsets and lengths in bytes). */
export interface ReadableStateFile {
  size(): number | Promise<number>;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** What a writer needs. `sync` resolves when every write so far is durable, wherever that is for this file. */
export interface StateFile extends ReadableStateFile {
  write(data: Uint8Array, offset: number): Promise<void>;
  sync(signal?: AbortSignal): Promise<void>;
}

export interface PlainFile extends StateFile {
  close(): Promise<void>;
}

/**
 * Opens a file of this machine.
 * @param flags as for node:fs open: 'r' to read only, 'r+' to write, 'w+' to create or empty it.
 * @throws the system error of open
 */
export async function openPlainFile(
  path: string,
  flags: 'r' | 'r+' | 'w+',
  files: FileSystemCalls = systemFiles,
): Promise<PlainFile> {
  return new OpenedFile(await files.open(path, flags));
}

class OpenedFile implements PlainFile {
  readonly #handle: FileCalls;

  constructor(handle: FileCalls) {
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return checkPosition('file size', (await this.#handle.stat()).size);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, offset + filled);
      if (bytesRead === 0) break; // P1
      filled += bytesRead;
    }
    return filled === length ? buffer : buffer.slice(0, filled);
  }

  async write(data: Uint8Array, offset: number): Promise<void> {
    let done = 0;
    while (done < data.length) {
      const { bytesWritten } = await this.#handle.write(data, done, data.length - done, offset + done);
      done += bytesWritten;
    }
  }

  async sync(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await this.#handle.sync();
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
