/**
 * The image of process nodes: the program compiled as it stands now, in a directory of its own, so that neither an edit nor a second
 * build changes what running pods are made of.
 */
import { execFile } from 'node:child_process';
import { copyFile, cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { HarnessError, Lifeline, type ImageMap } from '../cluster/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc');
/** What the protobuf compiler made; not TypeScript, so tsc leaves it behind. */
const GENERATED = join('src', 'recoverylog', 'gen');

/** What the chart and the pods of shards are told to run. */
export const IMAGE: { readonly repository: string; readonly tag: string } = {
  repository: 'ghcr.io/holdfast/holdfast',
  tag: 'e2e',
};

/** Services of one's own among the examples: the name of the folder to the program in it, as its Dockerfile copies it to /app. */
const SERVICES = { counter: 'counter.ts', sqlite: 'sql.ts' } as const;

export interface BuiltImage {
  /** Ours, and what the Dockerfiles of the examples make of it. */
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
    for (const [folder, file] of Object.entries(SERVICES))
      await copyFile(join(ROOT, 'examples', folder, file), join(directory, file));
  } catch (error) {
    await remove();
    throw error;
  }
  const program = [process.execPath, join(directory, 'dist', 'src', 'cli', 'main.js')];
  const image = {
    entrypoint: program,
    bins: { holdfast: program },
    env: { NODE_ENV: 'production', ...env },
  };
  const own = Object.values(SERVICES).map((file) => {
    const [name] = file.split('.');
    const files = { [`/app/${file}`]: join(directory, file) };
    return [
      `registry.example/${name}:1`,
      { ...image, entrypoint: [process.execPath, join(directory, file)], files },
    ];
  });
  const images: ImageMap = Object.fromEntries([[`${IMAGE.repository}:${IMAGE.tag}`, image], ...own]);
  return { images, remove };
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
