/**
 * The engine in memory through the contract that every state machine keeps. The one on SQLite: contract.full.test.ts.
 */
import { test } from '@jest/globals';
import { machineContract } from '../../statemachine/testkit/index.ts';
import { MEMORY } from './testing/subjects.ts';

for (const { rule, name, run } of machineContract(MEMORY)) test(`${rule} ${name}`, run, 120_000);
