/**
 * holdfast state check: whether an exported snapshot is whole.
 */
import { EXIT } from '../../api/index.ts';
import { checkExport, type Manifest } from '../../statemachine/index.ts';
import { formatBytes, plural } from '../format.ts';
import { run } from '../run.ts';

export interface CheckFlags {
  readonly dir: string;
  readonly json?: boolean;
}

/** @returns the exit code */
export async function check({ dir, json = false }: CheckFlags): Promise<number> {
  return await run(json, async ({ out, signal }) => {
    const manifest = await checkExport(dir, signal);
    await (json ? out.json({ ok: true, ...manifest }) : out.line(`whole: ${describe(manifest)}`));
    return EXIT.ok;
  });
}

/** A snapshot in one line. */
export function describe({ kind, index, term, state, files }: Manifest): string {
  const bytes = (state?.bytes ?? 0) + files.reduce((sum, file) => sum + file.bytes, 0);
  return `a snapshot of a machine of the ${kind} kind at index ${index}, term ${term}, ${formatBytes(bytes)}, ${plural(files.length, 'file')} beside it`;
}
