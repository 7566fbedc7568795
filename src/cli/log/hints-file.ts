/**
 * Hints from files, as they are stored: JSON or protobuf.
 */
import { readFile } from 'node:fs/promises';
import { ensureError, HoldfastError } from '../../base/index.ts';
import { HintsError, parseHints, type FsmHints } from '../../recoverylog/index.ts';

export interface NamedHints {
  readonly file: string;
  readonly hints: FsmHints;
}

/** Hints of one log: of `log`, or where that is not said, of that of the first file. @throws HintsFileError */
export async function readHints(
  files: readonly string[],
  log: string | undefined,
): Promise<readonly NamedHints[]> {
  const read: NamedHints[] = [];
  for (const file of files) {
    const hints = await readHintsFile(file);
    const of = log ?? read[0]?.hints.log ?? hints.log;
    if (hints.log !== of) throw new HintsFileError(file, `they are of log ${hints.log}, not of ${of}`);
    read.push({ file, hints });
  }
  return read;
}

/** @throws HintsFileError */
export async function readHintsFile(file: string): Promise<FsmHints> {
  try {
    return parseHints(await readFile(file));
  } catch (error) {
    if (!(error instanceof HintsError)) throw new HintsFileError(file, ensureError(error).message);
    throw new HintsFileError(file, String(error.fields['problem']), error);
  }
}

/** A file of hints that cannot be used. */
class HintsFileError extends HoldfastError {
  constructor(file: string, problem: string, cause?: HintsError) {
    super('HINTS_INVALID', `The hints in ${file} cannot be used: ${problem}.`, {
      fields: { file, problem },
      cause,
    });
  }
}
