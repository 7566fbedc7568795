/**
 * What a LIST shows of journals: which there are, and the objects of one. For looking, never for proof: a LIST may lag.
 *
 * 1. One page is in memory at a time.
 * 2. Names are judged here and nowhere else: whatever is not exactly a slot's key is a stranger's.
 */
import type { ObjectInfo, ObjectStore } from '../../store/index.ts';
import { checkJournal, isJournalName, slotKey, slotPrefix, slotSeq, type Journal } from '../names.ts';

export type ListedObject = ObjectInfo &
  ({ readonly kind: 'slot'; readonly seq: number } | { readonly kind: 'stranger' });

export interface ListOptions {
  readonly signal?: AbortSignal | undefined;
  /** Runs each request; a caller that wants requests repeated does it here. */
  readonly attempt?: <T>(request: () => Promise<T>) => Promise<T>;
}

/** Every object under the journal's slot prefix that LISTs show, in key order. @throws StoreError, JournalNameError, the signal's reason. */
export async function* listSlots(
  journal: Journal,
  options: ListOptions = {},
): AsyncGenerator<ListedObject, void> {
  checkJournal(journal);
  let startAfter: string | undefined;
  do {
    const objects = await listPage(journal.store, slotPrefix(journal), startAfter, options);
    for (const object of objects.objects) {
      const seq = slotSeq(journal, object.key);
      yield seq !== undefined && Number.isSafeInteger(seq)
        ? { ...object, kind: 'slot', seq }
        : { ...object, kind: 'stranger' };
    }
    startAfter = objects.truncated ? objects.objects.at(-1)?.key : undefined;
  } while (startAfter !== undefined);
}

function listPage(
  store: ObjectStore,
  prefix: string,
  startAfter: string | undefined,
  { signal, attempt }: ListOptions,
): ReturnType<ObjectStore['list']> {
  const request = (): ReturnType<ObjectStore['list']> => store.list(prefix, { startAfter, signal });
  return attempt ? attempt(request) : request();
}

/** One life of a journal's name. */
export interface FoundJournal {
  readonly name: string;
  readonly generation: string;
}

const SLOT_KEY = /^_slots\/(.+)\/([A-Za-z0-9-]{1,64})\/log\/[0-9a-f]{16}$/;

/**
 * The journals of a store, or the generations of one, each once, in key order. Takes one request a thousand keys, and no more than two a generation.
 * @throws StoreError, the signal's reason.
 */
export async function* listJournals(
  store: ObjectStore,
  options: ListOptions & { readonly name?: string | undefined } = {},
): AsyncGenerator<FoundJournal, void> {
  const prefix = options.name === undefined ? '_slots/' : `_slots/${options.name}/`;
  const seen = new Set<string>();
  let startAfter: string | undefined;
  for (;;) {
    const { objects, truncated } = await listPage(store, prefix, startAfter, options);
    for (const { key } of objects) {
      const found = journalOfKey(key);
      if (!found || (options.name !== undefined && found.name !== options.name)) continue;
      const id = `${found.name}/${found.generation}`;
      if (!seen.has(id)) yield found;
      seen.add(id);
    }
    const last = objects.at(-1)?.key;
    if (!truncated || last === undefined) return;
    const journal = journalOfKey(last);
    startAfter = journal ? slotKey({ ...journal, store }, 0).replace(/0{16}$/, 'f'.repeat(16)) : last; // past its other slots
  }
}

function journalOfKey(key: string): FoundJournal | undefined {
  const [, name, generation] = SLOT_KEY.exec(key) ?? [];
  return name !== undefined && generation !== undefined && isJournalName(name)
    ? { name, generation }
    : undefined;
}
