import { readdirSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { withTempDir } from '../../testing/index.ts';
import { parseStory, tell } from './testing/corpus.ts';
import { Shard } from './testing/shard.ts';

const CORPUS = join(import.meta.dirname, 'testing', 'corpus');
const stories = readdirSync(CORPUS).filter((name) => name.endsWith('.sql'));

test.each(stories)('%s: with its crashes the recorded database says what one without crashes says', (name) =>
  withTempDir(async (root) => {
    const pieces = parseStory(await readFile(join(CORPUS, name), 'utf8'));
    expect(pieces.filter(({ kind }) => kind === 'crash').length).toBeGreaterThan(1);
    for (const journalMode of ['truncate', 'delete'] as const) {
      await mkdir(`${root}/gold-${journalMode}`);
      const shard = new Shard(`${root}/${journalMode}`, { journalMode });
      expect(await tell(pieces, shard, `${root}/gold-${journalMode}`)).toEqual([]);
    }
  }),
);
