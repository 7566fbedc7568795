/**
 * A writer as a process of its own, to be killed: appends numbers without end and prints each once it is acknowledged.
 *
 *   node writer-process.ts <store URL> <journal name>       (credentials from the environment)
 */
import { systemClock, systemRandom, utf8 } from '../../base/index.ts';
import { openStore } from '../../store/index.ts';
import { JournalReader, openSession } from '../index.ts';

const [url, name] = process.argv.slice(2);
const ports = { clock: systemClock, random: systemRandom };
const journal = { store: openStore(url!), name: name!, generation: 'g1' };
const reader = new JournalReader(journal, ports);
while ((await reader.next()).kind !== 'tail');
const session = await openSession(journal, {
  cursor: reader.cursor,
  author: 1 + systemRandom.below(2 ** 31),
  term: 1,
  ...ports,
});
for (let n = 0; ; n++) {
  await session.append(utf8(`${n};`), { barrier: true }).committed;
  process.stdout.write(`${n}\n`);
}
