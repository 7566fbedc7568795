/**
 * The state machine of a shard, for commands that have to apply what its log holds: that of the key-value service, or a user's own.
 *
 * M1  A log holds a snapshot of some time ago and the commands after it, and of an on-disk machine its files. What commands do, and what such files mean, only the
 *     machine knows: without its code there is no state of this moment.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureError, HoldfastError } from '../../base/index.ts';
import type { MachineKind, StateMachine } from '../../statemachine/index.ts';

/** Of whatever queries and answers. */
export type AnyMachine = StateMachine<never, unknown>;

/** The machines that are part of this program. */
const OWN = { kv: 'memory', 'kv-sqlite': 'sqlite' } as const;
const KINDS: readonly MachineKind[] = ['regular', 'concurrent', 'on-disk'];

/** No machine, or none that can be used (M1). */
class MachineUnusableError extends HoldfastError {
  constructor(name: string, problem: string, cause?: unknown) {
    super(
      'MACHINE_UNUSABLE',
      `${name} is no state machine that can be used: ${problem}. Name ${Object.keys(OWN).join(', ')}, or a JavaScript file whose default export is a function that makes the machine of your service; or have the service do it while it runs: exportSnapshot(runtime, fs, directory).`,
      { fields: { name, problem }, cause },
    );
  }
}

/** A new machine, in its initial state. @param name one of our own, or a file (M1) @throws MachineUnusableError */
export async function machineNamed(name: string): Promise<AnyMachine> {
  if (Object.hasOwn(OWN, name)) {
    const { kvMachine } = await import('../../kvstore/index.ts');
    return kvMachine({ engine: OWN[name as keyof typeof OWN] });
  }
  try {
    const module = (await import(pathToFileURL(resolve(name)).href)) as { readonly default?: unknown };
    const { default: make } = module;
    if (typeof make !== 'function') throw new MachineUnusableError(name, 'its default export is no function');
    const made: unknown = await (make as () => unknown)();
    if (isMachine(made)) return made;
  } catch (error) {
    if (error instanceof MachineUnusableError) throw error;
    throw new MachineUnusableError(name, ensureError(error).message, error);
  }
  throw new MachineUnusableError(name, 'what its function makes has no kind of a state machine');
}

function isMachine(made: unknown): made is AnyMachine {
  const kind: unknown = typeof made === 'object' && made !== null && 'kind' in made ? made.kind : undefined;
  return KINDS.some((known) => known === kind);
}
