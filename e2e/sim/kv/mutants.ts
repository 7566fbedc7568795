/**
 * Builds of the key-value service that break their word: one rule of the production code broken at a time. Clients must notice each of them.
 */
import type { Hunt, Mutant } from '../mutants.ts';
import { runKvSeeds } from '../run-seeds.ts';

export const KV_HUNT: Hunt = {
  copied: ['src', 'e2e/sim', 'e2e/harness', 'e2e/faults'],
  run: runKvSeeds,
};

const runtime = 'src/statemachine/runtime.ts';
const steps = 'src/statemachine/command-steps.ts';
const service = 'src/service/application.ts';
const session = 'src/journal/session/session.ts';

/** Each with what of the verdict tells it: any of these. */
export const KV_MUTANTS: readonly (Mutant & { readonly caughtBy: RegExp })[] = [
  {
    name: 'a write is acknowledged before the barrier',
    file: runtime,
    replace: '        await durable;\n',
    by: '',
    caughtBy: /L1|I7/,
  },
  {
    name: 'a stale read is served as a linearizable one',
    file: service,
    replace: 'if (linearizable) await this.#confirm(signal);',
    by: '',
    caughtBy: /L1/,
  },
  {
    name: 'the read index is not asked whether anybody has fenced',
    file: session,
    replace: 'return this.#reads.wait();',
    by: 'return Promise.resolve();',
    caughtBy: /L1/,
  },
  {
    name: 'a repeated request is applied again',
    file: steps,
    replace: "const named = key !== '';",
    by: 'const named = key.length > 9000;',
    caughtBy: /L1/,
  },
  {
    name: 'a numbered command of a session is applied again',
    file: steps,
    replace: "if (met.kind === 'known') return met.result; // B2",
    by: '',
    caughtBy: /L1/,
  },
  {
    name: 'a snapshot forgets whose requests were applied',
    file: 'src/statemachine/client-tables.ts',
    replace: 'this.requests.load(input, at);',
    by: 'new RequestTable(undefined, () => undefined).load(input, at);',
    caughtBy: /L1|I7|ended with/,
  },
  {
    name: 'a slot that another primary has taken counts as our own: the fence is ignored',
    file: 'src/journal/session/put-slot.ts',
    replace: 'equalBytes(header.putId, putId)',
    by: 'putId.length > 0',
    caughtBy: /L1|I7|ended with/,
  },
  {
    name: 'a promotion does not replay what came before its fence',
    file: 'src/recoverylog/play/player.ts',
    replace: 'await this.#replayTo(session, signal);',
    by: '',
    caughtBy: /L1|I7|ended with/,
  },
];
