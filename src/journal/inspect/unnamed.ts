/**
 * Fragments that nobody names: what a process left behind that died between its PUT and its CHECKPOINT.
 *
 * U1  Told are only those that no later compaction can name: every compaction writes fragments that end behind the end of the index it began with, so
 *     one that lies wholly below the end of a published index, and is not in it, stays unnamed for ever. The plan is read after the LIST.
 * U2  Another life of the name may name it: fragments have no generation in their names. So may a Gazette broker that uses the same bucket. That is why
 *     they are told and not deleted (docs/decisions/0031).
 */
import type { ObjectInfo } from '../../store/index.ts';
import { CorruptSlotError, JournalDeletedError } from '../errors.ts';
import { fragmentKey, fragmentPrefix, fragmentRange } from '../format/fragment.ts';
import type { Journal } from '../names.ts';
import { findPlan, type Plan } from '../read/plan.ts';
import { retrying } from '../retry.ts';
import { listJournals } from './list-slots.ts';
import { GIVE_UP_MS, type LookOptions } from './look.ts';

export type UnnamedFragment = ObjectInfo & { readonly begin: number; readonly end: number };

/** Every fragment of the journal's name that nobody names and nobody will (U1). @throws StoreError, CorruptSlotError of the journal's own plan */
export async function unnamedFragments(
  journal: Journal,
  options: LookOptions,
): Promise<readonly UnnamedFragment[]> {
  const found: UnnamedFragment[] = [];
  for await (const object of objectsBelow(journal, options)) {
    const range = fragmentRange(journal, object.key);
    if (range) found.push({ ...object, ...range });
  }
  if (found.length === 0) return [];
  const plan = await retrying(() => findPlan(journal, options.signal), { ...options, giveUpMs: GIVE_UP_MS });
  if (!plan) return [];
  const named = await namedBy(journal, plan, options);
  return named ? found.filter(({ key, end }) => end <= plan.index.end && !named.has(key)) : [];
}

async function* objectsBelow(journal: Journal, options: LookOptions): AsyncGenerator<ObjectInfo, void> {
  const prefix = fragmentPrefix(journal);
  for (let startAfter: string | undefined, more = true; more;) {
    const call = { startAfter, signal: options.signal };
    const request = (): ReturnType<typeof journal.store.list> => journal.store.list(prefix, call);
    const page = await retrying(request, { ...options, giveUpMs: GIVE_UP_MS });
    yield* page.objects;
    startAfter = page.objects.at(-1)?.key;
    more = page.truncated && startAfter !== undefined;
  }
}

/** Keys that any life of the name knows (U2); undefined when one of them cannot be asked. */
async function namedBy(
  journal: Journal,
  plan: Plan,
  options: LookOptions,
): Promise<ReadonlySet<string> | undefined> {
  const named = new Set<string>();
  const add = ({ index }: Plan): void =>
    [...index.fragments, ...index.retired].forEach((each) => named.add(fragmentKey(journal, each)));
  add(plan);
  const attempt = <T>(request: () => Promise<T>): Promise<T> =>
    retrying(request, { ...options, giveUpMs: GIVE_UP_MS });
  const lives = listJournals(journal.store, { name: journal.name, signal: options.signal, attempt });
  for await (const { generation } of lives) {
    if (generation === journal.generation) continue;
    try {
      const other = await attempt(() => findPlan({ ...journal, generation }, options.signal));
      if (other) add(other);
    } catch (error) {
      if (error instanceof CorruptSlotError || error instanceof JournalDeletedError) return undefined;
      throw error;
    }
  }
  return named;
}
