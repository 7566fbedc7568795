/**
 * The list machine with files beside its snapshots: the texts of even places in one file, those of odd places in another, and in the state how many there
 * are. It takes its own names for the files away as soon as they were added.
 */
import { readFile } from 'node:fs/promises';
import { fromUtf8, utf8 } from '../../base/index.ts';
import type { RecordedFs } from '../../recoverylog/index.ts';
import type { SnapshotFile, SnapshotFiles, WriteChunk } from '../types.ts';
import { ListMachine } from './list-machine.ts';

export const EVEN = 4;
export const ODD = 1;

export class FiledList extends ListMachine {
  /** Of the log whose primary this is. */
  fs: RecordedFs | undefined;
  /** Says what else is to be added, after the two files. */
  addMore: ((files: SnapshotFiles) => void) | undefined;
  /** Says what is to be added when the first byte was written. */
  addLate: ((files: SnapshotFiles) => void) | undefined;

  override async saveSnapshot(
    view: readonly string[],
    write: WriteChunk,
    signal: AbortSignal,
    files: SnapshotFiles,
  ): Promise<void> {
    for (const [id, path] of [
      [EVEN, '/list/even'],
      [ODD, '/list/odd'],
    ] as const) {
      const texts = view.filter((_, place) => place % 2 === (id === ODD ? 1 : 0));
      await this.#put(path, `of ${view.length}\n${texts.map((text) => `${text}\n`).join('')}`);
      files.add(id, path, utf8(`${texts.length} texts`));
      await this.fs!.unlink(path);
    }
    this.addMore?.(files);
    await super.saveSnapshot(
      view.map(() => '?'),
      async (chunk) => {
        await write(chunk);
        this.addLate?.(files);
      },
      signal,
    );
  }

  async #put(path: string, text: string): Promise<void> {
    const file = await this.fs!.open(path, { create: true, truncate: true });
    await file.write(utf8(text), 0);
    await file.close();
  }

  override async recoverFromSnapshot(
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    files: readonly SnapshotFile[] = [],
  ): Promise<void> {
    const parts: string[] = [];
    for await (const chunk of chunks) parts.push(fromUtf8(chunk));
    const count = parts.join('').split('\n').length - 1;
    const texts: string[] = [];
    for (const { id, path, metadata } of files) {
      const [head, ...lines] = fromUtf8(await readFile(path))
        .split('\n')
        .slice(0, -1);
      if (head !== `of ${count}` || fromUtf8(metadata) !== `${lines.length} texts`)
        throw new Error(`file ${id} is of another snapshot`);
      for (const [n, line] of lines.entries()) texts[2 * n + (id === ODD ? 1 : 0)] = line;
    }
    if (files.length !== 2 || texts.length !== count) throw new Error('files are missing');
    await super.recoverFromSnapshot(linesOf(texts), signal);
  }
}

async function* linesOf(texts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  yield utf8(texts.map((text) => `${text}\n`).join(''));
}
