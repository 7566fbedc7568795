/**
 * From a name as a person gives it to one journal: which generation is meant, or why none can be.
 */
import { HoldfastError } from '../../base/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { JournalNameError } from '../errors.ts';
import { checkJournal, isJournalName, type Journal } from '../names.ts';
import { listJournals, type ListOptions } from './list-slots.ts';

/** Names that a message offers at most. */
const MAX_OFFERED = 10;

export class JournalNotFoundError extends HoldfastError {
  constructor(store: string, name: string, there: readonly string[]) {
    const known =
      there.length === 0
        ? 'There are no journals in it: check bucket and prefix.'
        : `There are: ${there.join(', ')}.`;
    super('JOURNAL_NOT_FOUND', `No journal "${name}" in ${store}. ${known}`, { fields: { store, name } });
  }
}

export class GenerationError extends HoldfastError {
  constructor(
    code: 'GENERATION_NOT_FOUND' | 'GENERATION_AMBIGUOUS',
    name: string,
    problem: string,
    there: readonly string[],
  ) {
    super(code, `Journal ${name} ${problem}: name one with --generation. There are: ${there.join(', ')}.`, {
      fields: { name, generations: there.join(',') },
    });
  }
}

/**
 * The journal of that name; without `generation` the only one there is.
 * @throws JournalNameError, JournalNotFoundError, GenerationError, StoreError, the signal's reason.
 */
export async function findJournal(
  store: ObjectStore,
  name: string,
  generation: string | undefined,
  options: ListOptions = {},
): Promise<Journal> {
  if (!isJournalName(name)) throw new JournalNameError('name', name);
  if (generation !== undefined) checkJournal({ store, name, generation });
  const generations: string[] = [];
  for await (const found of listJournals(store, { ...options, name })) generations.push(found.generation);
  if (generations.length === 0)
    throw new JournalNotFoundError(store.url, name, await offered(store, options));
  if (generation !== undefined && !generations.includes(generation))
    throw new GenerationError('GENERATION_NOT_FOUND', name, `has no generation ${generation}`, generations);
  if (generation === undefined && generations.length > 1)
    throw new GenerationError(
      'GENERATION_AMBIGUOUS',
      name,
      `has ${generations.length} generations`,
      generations,
    );
  return { store, name, generation: generation ?? generations[0]! };
}

async function offered(store: ObjectStore, options: ListOptions): Promise<string[]> {
  const names = new Set<string>();
  for await (const { name } of listJournals(store, options)) {
    if (names.size === MAX_OFFERED) return [...names, '…'];
    names.add(name);
  }
  return [...names];
}
