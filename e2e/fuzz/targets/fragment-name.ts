/**
 * Names of fragments, ours and Gazette's: what is taken is named the same again, and both readers agree.
 */
import { z } from 'zod';
import { utf8 } from '../../../src/base/index.ts';
import { parseGazetteName } from '../../../src/journal/index.ts';
import {
  fragmentName,
  fragmentRange,
  gazetteName,
  gazettePath,
  realTimeJournal,
} from '../../../src/journal/testing/index.ts';
import { goldenInputs } from '../corpus.ts';
import { equal, kindOf, tried, type Target } from '../target.ts';

const { journal } = realTimeJournal('a/journal');

export const fragmentNames: Target = {
  name: 'fragment-name',
  corpus: () =>
    goldenInputs('fragments/parse.jsonl', z.object({ name: z.string() }), (row) => [utf8(row.name)]),
  check: (input) => {
    const name = Buffer.from(input).toString('utf8');
    const parsed = tried(() => parseGazetteName(name));
    const range = fragmentRange(journal, `${journal.name}/${name}`);
    if ('refused' in parsed) {
      equal('range of a name that is refused', range, undefined);
      return kindOf(parsed.refused);
    }
    const fragment = parsed.value;
    if (range) {
      equal('range', { begin: fragment?.begin, end: fragment?.end }, range);
      equal('postfix of a name of ours', fragment?.postfix, '');
    }
    if (!fragment) return 'none';
    const canonical = gazetteName(fragment);
    equal('named again', parseGazetteName(canonical), { ...fragment, postfix: '' });
    equal('inside or beside the journal', gazettePath(journal.name, fragment).endsWith(canonical), true);
    const { codec } = fragment;
    if (codec === 'raw' || codec === 'gzip' || codec === 'zstd') {
      equal('named as ours', fragmentName({ ...fragment, codec }), canonical);
      const own = fragmentRange(journal, `${journal.name}/${canonical}`);
      equal('range of its canonical name', own !== undefined, fragment.begin < fragment.end);
    }
    return `${codec} ${fragment.postfix === ''} ${range !== undefined}`;
  },
};
