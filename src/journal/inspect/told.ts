/**
 * The findings of a pass over the objects of a store, in words.
 */
import { ensureError } from '../../base/index.ts';
import type { ObjectInfo, StoreError } from '../../store/index.ts';
import { fragmentKey, type Fragment } from '../format/fragment.ts';
import { slotKey, type Journal } from '../names.ts';
import { RESTORE_OBJECT, type Finding } from './finding.ts';

export function missingFinding(
  key: string,
  { first, last, asked }: { readonly first: number; readonly last: number; readonly asked: number },
  why: 'lost' | 'open' | 'filled' | 'plan unknown',
): Finding {
  const found = `no object (${asked} of ${last - first + 1} asked for by GET)`;
  const place = {
    key,
    seq: first,
    lastSeq: last,
    expected: 'a slot for every number below the newest',
    found,
  };
  if (why === 'plan unknown')
    return {
      kind: 'missing-slots',
      severity: 'unverified',
      ...place,
      help: 'The newest CHECKPOINT cannot be read, so nobody knows whether these slots were reclaimed or lost. Restore the CHECKPOINT, then verify again.',
    };
  if (why === 'open')
    return {
      kind: 'unfilled-slots',
      severity: 'warning',
      ...place,
      help: 'Whoever opened a session put its FENCE ahead of them; it fills them within seconds, or has died, and then the next session begins there. Readers take the first of them for the end.',
    };
  if (why === 'filled')
    return {
      kind: 'unfilled-slots',
      severity: 'unverified',
      ...place,
      help: 'They were filled while this verification went on: verify again.',
    };
  return {
    kind: 'missing-slots',
    severity: 'damage',
    ...place,
    help: 'Something other than Holdfast deleted them: a lifecycle rule, a clean-up, a person. Restore them from a copy of the bucket, and take the right to delete away from everybody else.',
  };
}

export function strangerFinding(key: string, prefix: string): Finding {
  return {
    kind: 'stranger-key',
    severity: 'warning',
    key,
    expected: `only slots below ${prefix}`,
    found: 'a name that no slot has',
    help: 'Readers pass it over. If it is a copy that somebody kept, move it elsewhere.',
  };
}

export function refusedFinding(key: string, seq: number, error: StoreError): Finding {
  return {
    kind: 'unreadable',
    severity: 'unverified',
    key,
    seq,
    expected: 'an object that the store gives out',
    found: `${error.code}: ${ensureError(error).message}`,
    help: 'Other objects can be read: look at the storage class of this one (archived objects are not given out), its encryption key and its rights.',
  };
}

export function unlistedFinding(key: string, seq: number): Finding {
  return {
    kind: 'unlisted',
    severity: 'warning',
    key,
    seq,
    expected: 'a LIST that shows every slot',
    found: 'a slot that only a GET finds',
    help: 'The index of the store lags or is damaged. Nothing is lost; repeat the verification, and check the store when it stays so.',
  };
}

export function unstableFinding(key: string, seq: number): Finding {
  return {
    kind: 'unstable-read',
    severity: 'warning',
    key,
    seq,
    expected: 'the same bytes from every GET',
    found: 'a damaged answer, then a whole one',
    help: 'The object is whole. Something between here and the store damages answers: a proxy, a gateway, memory.',
  };
}

/** What a CHECKPOINT says cannot be understood. */
export function badPlanFinding(key: string, seq: number, problem: string): Finding {
  return {
    kind: 'bad-plan',
    severity: 'damage',
    key,
    seq,
    expected: 'a CHECKPOINT that says where the compacted content is',
    found: problem,
    help: 'Readers need it for everything below its floor. Restore this object, or the index object that it names, from a copy of the bucket.',
  };
}

/** While the pass went on, a newer CHECKPOINT moved what it was to look at. */
export function movedFinding(key: string, seq: number): Finding {
  return {
    kind: 'plan-moved',
    severity: 'unverified',
    key,
    seq,
    expected: 'the plan that was valid when the verification began',
    found: 'a newer CHECKPOINT that has moved this content',
    help: 'Nothing is wrong: the journal was compacted meanwhile. Verify again for the rest.',
  };
}

export function missingFenceFinding(key: string, seq: number): Finding {
  return {
    kind: 'missing-fence',
    severity: 'damage',
    key,
    seq,
    expected: `FENCE ${seq}, which the CHECKPOINT names and nobody may ever delete`,
    found: 'no object',
    help: 'No content is lost, but a writer that was paused since then could append into its place and be told that it is durable. Restore the object; make sure that no process of that time is left.',
  };
}

export function strayFenceFinding(key: string, seq: number): Finding {
  return {
    kind: 'stray-fence',
    severity: 'warning',
    key,
    seq,
    expected: 'no FENCE below the floor but those that the CHECKPOINT names',
    found: 'another one',
    help: 'Whoever opened a session too late put it into the place of a reclaimed slot, and found out. Readers do not believe it.',
  };
}

export function missingFragmentFinding(journal: Journal, fragment: Fragment): Finding {
  return {
    kind: 'missing-fragment',
    severity: 'damage',
    key: fragmentKey(journal, fragment),
    content: { begin: fragment.begin, end: fragment.end },
    expected: `a fragment of ${fragment.storedBytes} bytes`,
    found: 'no object',
    help: 'Something other than Holdfast deleted it: a lifecycle rule, a clean-up, a person. Restore it from a copy of the bucket, and take the right to delete away from everybody else.',
  };
}

export function damagedFragmentFinding(journal: Journal, fragment: Fragment, problem: string): Finding {
  return {
    kind: 'damaged-fragment',
    severity: 'damage',
    key: fragmentKey(journal, fragment),
    content: { begin: fragment.begin, end: fragment.end },
    expected: `SHA-1 ${fragment.sha1} of ${fragment.end - fragment.begin} bytes of content, stored as ${fragment.codec} in ${fragment.storedBytes}`,
    found: problem,
    help: RESTORE_OBJECT,
  };
}

export function refusedFragmentFinding(journal: Journal, fragment: Fragment, error: StoreError): Finding {
  const { seq: _seq, ...finding } = refusedFinding(fragmentKey(journal, fragment), 0, error) as Finding & {
    seq: number;
  };
  return { ...finding, kind: 'unreadable-fragment', content: { begin: fragment.begin, end: fragment.end } };
}

export function unnamedFragmentFinding({
  key,
  size,
  begin,
  end,
}: Pick<ObjectInfo, 'key' | 'size'> & { readonly begin: number; readonly end: number }): Finding {
  return {
    kind: 'unnamed-fragment',
    severity: 'warning',
    key,
    content: { begin, end },
    expected: 'only fragments that a CHECKPOINT names',
    found: `one of ${size} bytes that none names or will ever name`,
    help: 'A process that died while it compacted left it, and readers never look at it. It may be deleted by hand, unless something else than Holdfast (a Gazette broker) keeps journals of this name in the bucket.',
  };
}

/** What the registers or the place of a FENCE below the floor should be, as the CHECKPOINT has it. */
export function fenceMismatchFinding(
  key: string,
  seq: number,
  before: { readonly seq: number; readonly key: string },
  expected: string,
  found: string,
): Finding {
  return {
    kind: 'fence-mismatch',
    severity: 'damage',
    key,
    seq,
    before,
    expected,
    found,
    help: 'Readers take it from the CHECKPOINT. Compare both objects with a copy of the bucket; find out who else writes here.',
  };
}

/** Below the floor nothing is read any more: what is damaged there is worth a warning. */
export function belowFloor(finding: Finding): Finding {
  if (finding.severity !== 'damage') return finding;
  const help =
    'It lies below the floor: readers take its content from fragments. Its key is what still counts; nothing has to be restored.';
  const { content: _content, ...rest } = finding;
  return { ...rest, severity: 'warning', help };
}

export function endsEarlyFinding(
  journal: Journal,
  lastSeq: number,
  offset: number,
  atLeastBytes: number,
): Finding {
  return {
    kind: 'ends-early',
    severity: 'damage',
    key: slotKey(journal, lastSeq),
    seq: lastSeq,
    content: { begin: offset, end: atLeastBytes },
    expected: `content up to byte ${atLeastBytes} at least`,
    found: `its end at byte ${offset}`,
    help: 'The newest slots are gone, or this is another journal or generation. Restore the objects behind this key from a copy of the bucket.',
  };
}
