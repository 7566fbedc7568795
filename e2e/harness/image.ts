/**
 * The image of process nodes: the program compiled as it stands now, in a directory of its own, so that neither an edit nor a second
 * build changes what running pods are made of.
 */
import { execFile } from 'node:child_process';
import { copyFile, cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HarnessError, Lifeline, type ImageMap } from '../cluster/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc');
/** What the protobuf compiler made; not TypeScript, so tsc leaves it behind. */
const GENERATED = join('src', 'recoverylog', 'gen');

/** Where the warmed-up program lies. */
const COMPILED = 'compiled';

const run = promisify(execFile);

/** What the chart and the pods of shards are told to run. */
export const IMAGE: { readonly repository: string; readonly tag: string } = {
  repository: 'ghcr.io/holdfast/holdfast',
  tag: 'e2e',
};

export interface BuiltImage {
  readonly images: ImageMap;
  /** Removes the directory. */
  remove(): Promise<void>;
}

/** Compiles the program; `env` is added to the image's environment. Types are the business of `npm run types`. Throws HarnessError NOT_BUILT with the compiler's words. */
export async function buildImage(env: Readonly<Record<string, string>> = {}): Promise<BuiltImage> {
  const lifeline = await Lifeline.start('image');
  const { directory } = lifeline;
  const remove = (): Promise<void> => lifeline.end();
  try {
    await compile(directory);
    await cp(join(ROOT, GENERATED), join(directory, 'dist', GENERATED), { recursive: true });
    await copyFile(join(ROOT, 'package.json'), join(directory, 'package.json'));
    await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    await warmUp(directory);
  } catch (error) {
    await remove();
    throw error;
  }
  const program = [process.execPath, join(directory, 'dist', 'src', 'cli', 'main.js')];
  const image = {
    entrypoint: program,
    bins: { holdfast: program },
    env: { NODE_ENV: 'production', NODE_COMPILE_CACHE: join(directory, COMPILED), ...env },
  };
  return { images: { [`${IMAGE.repository}:${IMAGE.tag}`]: image }, remove };
}

/** As the Dockerfile does: what V8 makes of the program is kept, so that starting it costs a third. */
async function warmUp(directory: string): Promise<void> {
  const rooms = ['src/agent/index.js', 'src/kvstore/index.js', 'operator/main.js'];
  const load = rooms
    .map((room) => `await import(${JSON.stringify(join(directory, 'dist', room))});`)
    .join('');
  const env = { ...process.env, NODE_COMPILE_CACHE: join(directory, COMPILED) };
  await run(process.execPath, ['--input-type=module', '--eval', load], { env });
}

function compile(directory: string): Promise<void> {
  const project = join(ROOT, 'tsconfig.build.json');
  const into = ['--outDir', join(directory, 'dist'), '--tsBuildInfoFile', join(directory, '.tsbuildinfo')];
  const quick = ['--noCheck', '--declaration', 'false', '--sourceMap', 'false'];
  return new Promise((resolve, reject) => {
    execFile(TSC, ['-p', project, ...quick, ...into], (error, stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          new HarnessError('NOT_BUILT', `the program does not compile: ${stdout}${stderr}`, { cause: error }),
        );
    });
  });
}
