/**
 * A standby as a process of its own: follows a journal and reports every record it meets, until its standard input ends.
 *
 *   node tailer.ts <store URL> <journal>       (credentials from the environment)
 */
import { systemClock, systemRandom } from '../../src/base/index.ts';
import { JournalReader } from '../../src/journal/index.ts';
import { openStore } from '../../src/store/index.ts';
import { Records } from './records.ts';
import { Reporter } from './report.ts';

const [url, name] = process.argv.slice(2);
const report = new Reporter(process.hrtime.bigint());
process.stdin.on('end', () => process.exit(0)).resume();
const journal = { store: openStore(url!), name: name!, generation: 'g1' };
const reader = new JournalReader(journal, { clock: systemClock, random: systemRandom, pace: 'hot' });
const records = new Records();
for (;;) {
  const event = await reader.next();
  if (event.kind !== 'data') continue;
  const begin = records.numbers.length;
  records.add(event.begin, event.bytes);
  report.tell({ kind: 'tailed', begin, records: records.numbers.slice(begin) });
}
