/**
 * A recorded log with everything that came of playing it: the files of one folder of logs/.
 */
import { z } from 'zod';
import { ensureError, sha256Hex } from '../../../src/base/index.ts';
import { hex, hintsForm, int64, u32 } from '../forms.ts';
import type { VectorSource } from '../source.ts';
import { same, type Tally } from '../tally.ts';

const length = z.int().min(0);

/** A path may hold spaces. */
function recordedFile(line: string): {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
} {
  const parts = line.split(' ');
  const sha256 = parts.pop()!;
  const size = Number(parts.pop());
  return { path: parts.join(' '), size, sha256 };
}

const playedFileForm = z.strictObject({
  path: z.string(),
  size: length,
  sha256: z.string(),
  fnode: int64.optional(),
  links: z.int().optional(),
  property: z.boolean().optional(),
});

const asked = {
  /** Label of the hints; some are not stored. */
  hints: z.string(),
  mode: z.string(),
  author: u32.optional(),
  logEndAtStart: z.record(z.string(), length),
};
const playbackForm = z.union([
  z.strictObject({ ...asked, error: z.string() }),
  z.strictObject({
    ...asked,
    error: z.undefined().optional(),
    files: z.array(playedFileForm),
    state: z.array(z.string()),
    digest: z.string(),
    nextSeqNo: int64,
    nextChecksum: u32,
    lastLog: z.string(),
    hintsAfter: hintsForm,
    appendedHex: z.record(z.string(), hex).optional(),
  }),
]);
export type Playback = z.infer<typeof playbackForm>;
export type PlayedPlayback = Extract<Playback, { readonly state: readonly string[] }>;

const scenarioForm = z.strictObject({
  name: z.string(),
  description: z.string(),
  notes: z.array(z.string()).nullable(),
  journals: z.array(
    z.strictObject({ file: z.string(), journal: z.string(), size: length, sha256: z.string() }),
  ),
  hints: z.array(z.strictObject({ label: z.string(), madeBy: z.string(), json: z.string(), pb: z.string() })),
  /** `<path> <size> <sha256>` */
  recordedFiles: z
    .array(z.string().regex(/^\/[^]* \d+ [0-9a-f]{64}$/))
    .transform((lines) => lines.map(recordedFile))
    .nullable(),
  playbacks: z.array(playbackForm),
});

export interface GoldenJournal {
  readonly name: string;
  readonly content: Uint8Array;
  /** `journal-N.ops.jsonl` */
  readonly opsFile: string;
}

export interface Scenario extends Omit<z.infer<typeof scenarioForm>, 'journals' | 'hints'> {
  readonly journals: readonly GoldenJournal[];
  /** Hints by label, in both encodings as stored. */
  readonly hints: ReadonlyMap<string, { readonly json: Uint8Array; readonly pb: Uint8Array }>;
}

/** @throws MissingFile, and whatever is not of the form; content with another digest than the scenario says */
export async function loadScenario(source: VectorSource, folder: string): Promise<Scenario> {
  const scenario = scenarioForm.parse(await source.json(`${folder}/scenario.json`));
  const journals: GoldenJournal[] = [];
  for (const { file, journal, size, sha256 } of scenario.journals) {
    const content = await source.bytes(`${folder}/${file}`);
    same(`length of ${file}`, content.length, size);
    same(`digest of ${file}`, sha256Hex(content), sha256);
    journals.push({ name: journal, content, opsFile: `${folder}/${file.replace(/\.log$/, '.ops.jsonl')}` });
  }
  const hints = new Map<string, { json: Uint8Array; pb: Uint8Array }>();
  for (const { label, json, pb } of scenario.hints)
    hints.set(label, {
      json: await source.bytes(`${folder}/${json}`),
      pb: await source.bytes(`${folder}/${pb}`),
    });
  return { ...scenario, journals, hints };
}

/** The scenario in logs/<name>; one that cannot be read is a failure. */
export async function loadOrFail(
  source: VectorSource,
  name: string,
  tally: Tally,
): Promise<Scenario | undefined> {
  try {
    return await loadScenario(source, `logs/${name}`);
  } catch (error) {
    const problem = error instanceof z.ZodError ? z.prettifyError(error) : ensureError(error).message;
    tally.fail(`logs/${name}`, problem);
    return undefined;
  }
}
