/**
 * The engine on SQLite through the contract that every state machine keeps, with its log cut at every operation.
 */
import { test } from '@jest/globals';
import { machineContract } from '../../statemachine/testkit/index.ts';
import { SQLITE } from './testing/subjects.ts';

for (const { rule, name, run } of machineContract(SQLITE)) test(`${rule} ${name}`, run, 120_000);
