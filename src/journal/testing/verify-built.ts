/**
 * Verifying a journal made slot by slot, after some change to its objects.
 */
import { seededRandom, VirtualClock } from '../../base/testing/index.ts';
import { FaultyStore, MemoryStore, type FaultRule } from '../../store/testing/index.ts';
import type { Finding } from '../inspect/finding.ts';
import { verifyJournal, type VerifyOptions, type VerifyReport } from '../inspect/verify.ts';
import { slotKey, type Journal } from '../names.ts';
import { putObjects, type BuiltJournal } from './built-journal.ts';

export interface Verified {
  readonly findings: readonly Finding[];
  readonly report: VerifyReport;
}

const NAME = { name: 'test/verified', generation: 'g1' } as const;

/** Key of a slot of the journal that verifyBuilt verifies. */
export function verifiedKey(seq: number): string {
  return slotKey({ ...NAME, store: new MemoryStore() }, seq);
}

/** Puts the built journal's objects, after `change`, into a store with these faults, and verifies it there. */
export async function verifyBuilt(
  from: BuiltJournal,
  change: (objects: Map<string, Uint8Array>) => void = () => undefined,
  options: Partial<VerifyOptions> & { readonly rules?: readonly FaultRule[] } = {},
): Promise<Verified> {
  const clock = new VirtualClock();
  const store = new MemoryStore({ clock });
  const faulty = new FaultyStore(store, { clock, random: seededRandom(5), rules: options.rules ?? [] });
  const journal: Journal = { store: faulty, ...NAME };
  const objects = from.objects(journal);
  change(objects);
  await putObjects(store, objects);
  return await verifyOn(journal, clock, options);
}

/** Verifies a journal under virtual time. */
export async function verifyOn(
  journal: Journal,
  clock: VirtualClock,
  options: Partial<VerifyOptions> = {},
): Promise<Verified> {
  const findings: Finding[] = [];
  const onFinding = (finding: Finding): unknown => findings.push(finding);
  const work = verifyJournal(journal, { clock, random: seededRandom(6), onFinding, ...options });
  return { report: await clock.run(work), findings };
}
