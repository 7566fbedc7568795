/**
 * testkit: runs any state machine through the contract (types.ts), and says which rule it breaks and how. Of no test framework:
 *
 *   for (const { rule, name, run } of machineContract(subject)) test(`${rule} ${name}`, run);
 *
 * or, without one, `await checkMachine(subject)`.
 *
 * Z1  It passes no machine without having looked: too few commands, or commands that change no answer, are an error (K0, K1).
 * Z2  Every rule has machines that break it and nothing else of note, and is seen to find them (mutants.test.ts).
 */
import type { Rule } from './rule.ts';
import { DISK_RULES } from './rules-disk.ts';
import { SNAPSHOT_RULES } from './rules-snapshot.ts';
import { UPDATE_RULES } from './rules-update.ts';
import { ContractError, type ContractCase, type Subject } from './subject.ts';

export type { RecordedFs } from '../../recoverylog/index.ts';
export { ContractError, type ContractCase, type Subject } from './subject.ts';

const RULES: readonly Rule[] = [...UPDATE_RULES, ...SNAPSHOT_RULES, ...DISK_RULES];
/** Fewer commands would leave rules without a case. */
const LEAST_COMMANDS = 4;

/** The rules that bind a machine of this kind, each to be run by itself. @throws ContractError when there is too little to test with (Z1) */
export function machineContract<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
): readonly ContractCase[] {
  if (subject.commands.length < LEAST_COMMANDS || subject.queries.length === 0)
    throw new ContractError('K0', `the kit needs ${LEAST_COMMANDS} commands and one query at least`);
  return RULES.filter(({ kinds }) => kinds?.includes(subject.kind) ?? true).map(({ rule, name, run }) => ({
    rule,
    name,
    run: () => run(subject),
  }));
}

/** Runs a machine through the whole contract. @throws ContractError at the first rule that it breaks, and what the machine throws */
export async function checkMachine<Query, Answer, View>(
  subject: Subject<Query, Answer, View>,
): Promise<void> {
  for (const { run } of machineContract(subject)) await run();
}
