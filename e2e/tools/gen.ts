/**
 * Generated files: what is made from what. Without arguments it writes them; with --check it fails when a committed one differs.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { renderCrds } from '../../src/api/index.ts';

interface Generated {
  readonly file: string;
  readonly content: string;
}

const ROOT = join(import.meta.dirname, '..', '..');
const PBJS = [
  '--no-create',
  '--no-verify',
  '--no-convert',
  '--no-delimited',
  '--no-typeurl',
  '--no-service',
  '--keep-case',
];

/** Static protobuf code of the recovery log's messages. */
function protobuf(): Generated[] {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-gen-'));
  try {
    const out = join(dir, 'recoverylog.js');
    const proto = join('src', 'recoverylog', 'proto', 'recoverylog.proto');
    execFileSync(
      join(ROOT, 'node_modules', '.bin', 'pbjs'),
      ['-t', 'static-module', '-w', 'es6', '--es6', ...PBJS, '-o', out, proto, '--dts'],
      { cwd: ROOT },
    );
    return ['recoverylog.js', 'recoverylog.d.ts'].map((name) => ({
      file: join('src', 'recoverylog', 'gen', name),
      content: readFileSync(join(dir, name), 'utf8'),
    }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** CRDs, and their copies in the chart. */
function crds(): Generated[] {
  return renderCrds().flatMap(({ file, yaml }) => [
    { file: join('crds', file), content: yaml },
    { file: join('charts', 'holdfast', 'files', 'crds', file), content: yaml },
  ]);
}

function current(file: string): string | undefined {
  try {
    return readFileSync(join(ROOT, file), 'utf8');
  } catch {
    return undefined; // not there yet: it differs
  }
}

const generated = [...protobuf(), ...crds()];
const stale = generated.filter(({ file, content }) => current(file) !== content);
if (process.argv.includes('--check')) {
  for (const { file } of stale)
    console.error(`${file} differs from what its source gives; run npm run gen and commit it`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const { file, content } of stale) writeFileSync(join(ROOT, file), content);
  console.log(stale.length === 0 ? 'nothing to do' : `written: ${stale.map(({ file }) => file).join(', ')}`);
}
