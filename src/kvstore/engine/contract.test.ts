/**
 * Both engines through the contract of state machines (statemachine/testkit).
 */
import { describe, test } from '@jest/globals';
import { EMPTY_BYTES, utf8 } from '../../base/index.ts';
import { machineContract, type Subject } from '../../statemachine/testkit/index.ts';
import { encodeCommand, type AnyCommand } from '../command.ts';
import { MemoryEngine } from './memory-engine.ts';
import { SqliteEngine } from './sqlite/sqlite-engine.ts';
import type { Answer, Query } from './types.ts';
import type { Pin } from './engine.ts';

const NOW = Date.UTC(2026, 0, 1);
const id = utf8('replace-1');

const COMMANDS: readonly AnyCommand[] = [
  { kind: 'put', pairs: [{ key: utf8('a'), value: utf8('1') }] },
  {
    kind: 'put',
    pairs: [
      { key: utf8('b'), value: EMPTY_BYTES },
      { key: utf8('soon'), value: utf8('gone'), expiresAt: NOW + 2500 },
    ],
  },
  { kind: 'cas', key: utf8('a'), expected: utf8('1'), value: utf8('2') },
  { kind: 'cas', key: utf8('a'), expected: utf8('1'), value: utf8('3') },
  { kind: 'begin-replace', id },
  { kind: 'replace-part', id, part: 0, pairs: [{ key: utf8('z'), value: utf8('9') }] },
  { kind: 'delete', key: utf8('b') },
  { kind: 'commit-replace', id, pairs: 1 },
  { kind: 'put', pairs: [{ key: utf8('c'), value: utf8('4') }] },
];

const shared = {
  commands: COMMANDS.map((command, n) => encodeCommand(command, NOW + n * 1000)),
  queries: [
    { kind: 'page', page: { prefix: EMPTY_BYTES, start: undefined, limit: 100 } },
    { kind: 'pairs', keys: [utf8('a'), utf8('soon'), utf8('none')] },
  ] satisfies Query[],
};
const memory: Subject<Query, Answer, Pin> = {
  kind: 'concurrent',
  create: () => new MemoryEngine(),
  ...shared,
};
const sqlite: Subject<Query, Answer, Pin> = { kind: 'on-disk', create: () => new SqliteEngine(), ...shared };

describe('the engine in memory', () => {
  for (const { rule, name, run } of machineContract(memory)) test(`${rule} ${name}`, run);
});

describe('the engine on SQLite', () => {
  for (const { rule, name, run } of machineContract(sqlite)) test(`${rule} ${name}`, run, 60_000);
});
