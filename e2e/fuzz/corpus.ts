/**
 * Inputs to begin with: what the golden vectors hold, and every input that a decoder once failed at (kept/<target>/<name>.hex).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { errorCode, fromHex } from '../../src/base/index.ts';
import { GOLDEN } from '../vectors/golden.ts';

const KEPT = join(import.meta.dirname, 'kept');

/** The bytes that `pick` finds in the rows of a golden file. */
export async function goldenInputs<F extends z.ZodType>(
  path: string,
  form: F,
  pick: (row: z.output<F>) => readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const rows = await GOLDEN.rows(path, form);
  return rows.flatMap((each) => ('row' in each ? pick(each.row) : []));
}

export interface Kept {
  readonly file: string;
  readonly input: Uint8Array;
}

/** What a target once failed at. A line that begins with `#` tells the story. */
export async function keptInputs(target: string): Promise<Kept[]> {
  let names: string[];
  try {
    names = (await readdir(join(KEPT, target))).filter((name) => name.endsWith('.hex')).sort();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
  return await Promise.all(
    names.map(async (file) => ({ file, input: hexInput(await readFile(join(KEPT, target, file), 'utf8')) })),
  );
}

/** The input that a `.hex` file holds. */
export function hexInput(text: string): Uint8Array {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  return fromHex(lines.join('').replaceAll(/\s/g, ''));
}
