/**
 * What SQLite asks of an open file. Everything is synchronous, and throws what the disk says.
 */
import { writeSync } from 'node:fs';

export interface DatabaseFile {
  /** Bytes. */
  size(): number;
  /** Fills `into` from the file; returns how many bytes there were. */
  read(into: Uint8Array, offset: number): number;
  /** The data may change afterwards. */
  write(data: Uint8Array, offset: number): void;
  truncate(size: number): void;
  sync(): void;
  close(): void;
}

export function writeAllSync(fd: number, data: Uint8Array, offset: number): void {
  for (let at = 0; at < data.length;) at += writeSync(fd, data, at, data.length - at, offset + at);
}
