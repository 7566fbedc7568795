/**
 * The files of examples/quickstart, as they are when the store has the port they name; otherwise a copy that differs in the endpoint only.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError, isFree, Lifeline, startS3Server, type S3Server } from '../cluster/index.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'examples', 'quickstart');
const PORT = 7480;
const ENDPOINT = `http://127.0.0.1:${PORT}`;
const STORE = {
  bucket: 'quickstart',
  credentials: { accessKeyId: 'quickstart', secretAccessKey: 'quickstart-secret' },
};

/** Starts the store of the quickstart, on its own port when `ownPort` is set and nobody has it, else on a free one. */
export async function startQuickstartStore(ownPort: boolean): Promise<S3Server> {
  return await startS3Server(ownPort && (await isFree(PORT)) ? { ...STORE, port: PORT } : STORE);
}

/** Folder to apply for a store at `endpoint`, and what removes it if it was made for that. */
export async function quickstartFolder(
  endpoint: string,
): Promise<{ readonly path: string; readonly asWritten: boolean; remove(): Promise<void> }> {
  if (endpoint === ENDPOINT) return { path: FOLDER, asWritten: true, remove: () => Promise.resolve() };
  const lifeline = await Lifeline.start('quickstart');
  const path = lifeline.directory;
  let replaced = 0;
  for (const name of await readdir(FOLDER)) {
    const text = await readFile(join(FOLDER, name), 'utf8');
    replaced += text.split(ENDPOINT).length - 1;
    await writeFile(join(path, name), text.replaceAll(ENDPOINT, endpoint));
  }
  const remove = (): Promise<void> => lifeline.end();
  if (replaced === 1) return { path, asWritten: false, remove };
  await remove();
  throw new HarnessError(
    'QUICKSTART_CHANGED',
    `examples/quickstart names ${ENDPOINT} ${replaced} times instead of once; put ${PORT} right in e2e/harness/quickstart.ts`,
  );
}
