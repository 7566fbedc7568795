/**
 * Short words for tests of engines.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8, utf8 } from '../../../base/index.ts';
import { type Command, type Pair } from '../../command.ts';
import { Driver, type EngineName } from './driver.ts';

/** Runs `use` with an engine in a directory of its own. */
export async function withDriver<T>(
  name: EngineName,
  use: (driver: Driver, dir: string) => Promise<T> | T,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-kv-'));
  const driver = await Driver.start(name, dir);
  try {
    return await use(driver, dir);
  } finally {
    await driver.close();
    await rm(dir, { recursive: true, force: true });
  }
}

export function pair(key: string, value: string, expiresAt?: number): Pair {
  const bytes = { key: utf8(key), value: utf8(value) };
  return expiresAt === undefined ? bytes : { ...bytes, expiresAt };
}

export function put(...pairs: readonly [string, string, number?][]): Command {
  return { kind: 'put', pairs: pairs.map(([key, value, expiresAt]) => pair(key, value, expiresAt)) };
}

export function cas(key: string, expected: string | undefined, value: string, expiresAt?: number): Command {
  const { key: bytes, value: to, ...expiry } = pair(key, value, expiresAt);
  const from = expected === undefined ? undefined : utf8(expected);
  return { kind: 'cas', key: bytes, expected: from, value: to, ...expiry };
}

export function del(key: string): Command {
  return { kind: 'delete', key: utf8(key) };
}

/** Everything that can be read, as text. */
export function contentsOf(driver: Driver): Record<string, string> {
  return textOf(driver.lookup({ kind: 'iterate', options: {} }));
}

export function textOf(pairs: Iterable<Pair>): Record<string, string> {
  return Object.fromEntries([...pairs].map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]));
}
