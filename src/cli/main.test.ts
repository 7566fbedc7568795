/**
 * The program as a user runs it: what it prints and how it ends.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { EXIT, readLastWords } from '../api/index.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function holdfast(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env } };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

describe('holdfast', () => {
  test('says what it can do', async () => {
    const { code, stdout } = await holdfast(['--help']);
    expect(code).toBe(EXIT.ok);
    for (const command of ['agent', 'operator', 'store']) expect(stdout).toContain(command);
  });

  test.each([
    [['agent', 'nothing'], 'This image has the applications: kv'],
    [['agent'], 'missing required argument'],
    [['operator'], '--image'],
    [['dance'], 'unknown command'],
    [['operator', '--image=i', '--log-level=loud'], 'Allowed choices are debug, info, warn, error'],
  ])('%j is refused with a sentence that helps', async (args, sentence) => {
    const { code, stderr } = await holdfast(args);
    expect(code).toBe(EXIT.configuration);
    expect(stderr).toContain(sentence);
  });

  test('an agent without its environment names every variable that is missing', async () => {
    const { code, stdout } = await holdfast(['agent', 'kv'], { POD_NAME: 'p' });
    expect(code).toBe(EXIT.configuration);
    const said = readLastWords(stdout)!;
    expect(said).toMatchObject({ code: EXIT.configuration, reason: 'ConfigurationInvalid' });
    for (const name of ['POD_IP', 'HOLDFAST_STORE_URL', 'HOLDFAST_JOURNAL'])
      expect(said.detail).toContain(name);
    expect(stdout).not.toContain('POD_NAME:');
  });

  test('an operator without its environment says so', async () => {
    const { code, stdout } = await holdfast(['operator', '--image=i']);
    expect(code).toBe(EXIT.configuration);
    expect(stdout).toContain('POD_NAMESPACE');
  });
});

describe('holdfast store probe', () => {
  test('reports every property of a store that is fit, for people and as JSON', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-probe-'));
    try {
      const people = await holdfast(['store', 'probe', `file://${dir}`]);
      expect(people).toMatchObject({ code: EXIT.ok, stdout: expect.stringContaining('can hold journals') });
      const { code, stdout } = await holdfast(['store', 'probe', `file://${dir}`, '--json']);
      expect(code).toBe(EXIT.ok);
      const report = JSON.parse(stdout) as { ok: boolean; properties: { ok: boolean }[] };
      expect(report.ok).toBe(true);
      expect(report.properties.length).toBeGreaterThan(5);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test.each([
    ['ftp://nowhere', 'STORE_URL_INVALID', EXIT.configuration],
    ['file:///does/not/exist', 'STORE_NO_BUCKET', EXIT.storeRefused],
  ])('%s ends with a code', async (url, code, exit) => {
    const run = await holdfast(['store', 'probe', url, '--json']);
    expect(run.code).toBe(exit);
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, error: { code } });
  });
});
