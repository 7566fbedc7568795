/**
 * A directory of vectors, laid out as its README says.
 *
 * D1  A file may stand as it is or, under its name and `.gz`, compressed: a copy can be small.
 * D2  Nothing is assumed about how many there are or what they are called. A line that cannot be read is a failed vector.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { errorCode } from '../../src/base/index.ts';
import type { Tally } from './tally.ts';

export class MissingFile extends Error {
  constructor(path: string) {
    super(`there is no ${path}, nor ${path}.gz`);
  }
}

export type Row<R> = { readonly id: string } & ({ readonly row: R } | { readonly problem: string });

export class VectorSource {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** @throws MissingFile */
  async bytes(path: string): Promise<Uint8Array> {
    const plain = await this.#read(path);
    if (plain) return new Uint8Array(plain);
    const compressed = await this.#read(`${path}.gz`);
    if (!compressed) throw new MissingFile(path);
    return new Uint8Array(gunzipSync(compressed));
  }

  /** @throws MissingFile */
  async json(path: string): Promise<unknown> {
    return JSON.parse(Buffer.from(await this.bytes(path)).toString('utf8')) as unknown;
  }

  /** Names of the folders in a folder, ascending; none when it does not exist. */
  async folders(path: string): Promise<string[]> {
    try {
      const entries = await readdir(join(this.dir, path), { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** The rows of a `.jsonl` file, each with its place and, when it cannot be read or is not of the form, what is wrong with it (D2). @throws MissingFile */
  async rows<F extends z.ZodType>(path: string, form: F): Promise<Row<z.output<F>>[]> {
    const lines = Buffer.from(await this.bytes(path))
      .toString('utf8')
      .split('\n');
    if (lines.at(-1) === '') lines.pop();
    return lines.map((line, index) => {
      const id = `${path}:${index + 1}`;
      try {
        const parsed = form.safeParse(JSON.parse(line));
        return parsed.success
          ? { id, row: parsed.data }
          : { id, problem: `not of the form: ${z.prettifyError(parsed.error)}` };
      } catch (error) {
        return { id, problem: `unreadable: ${String(error)}` };
      }
    });
  }

  /** Runs `check` on every row of a `.jsonl` file; each is a vector, also one that is not of the form. @throws MissingFile */
  async eachRow<F extends z.ZodType>(
    path: string,
    form: F,
    tally: Tally,
    check: (row: z.output<F>) => void | Promise<void>,
  ): Promise<void> {
    for (const each of await this.rows(path, form)) {
      if ('problem' in each) tally.fail(each.id, each.problem);
      else await tally.vector(each.id, () => check(each.row));
    }
  }

  async #read(path: string): Promise<Buffer | undefined> {
    try {
      return await readFile(join(this.dir, path));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
