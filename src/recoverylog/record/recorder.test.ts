/**
 * The recorder by itself: its bytes are those that Gazette would write (gazette.md appendix A), its hints name exactly where they are.
 */
import { describe, expect, test } from '@jest/globals';
import { toHex, utf8 } from '../../base/index.ts';
import { openSession, START } from '../../journal/index.ts';
import { lastSlots } from '../../journal/testing/index.ts';
import { encodeHintsJson, Fsm, parseHints } from '../index.ts';
import { newLog, type TestLog } from '../testing/index.ts';
import { MAX_WRITE_BYTES, Recorder } from './recorder.ts';

async function recorderOf(log: TestLog, author: number, fsm: Fsm): Promise<Recorder> {
  const { journal, clock, random } = log;
  const session = await openSession(journal, { cursor: START, author, term: 1, clock, random });
  return new Recorder({ session, fsm });
}

const emptyFsm = (log: string): Fsm => new Fsm({ log, liveNodes: [], properties: [] });

const CREATE = '663393361100000008011dd204000022080a062f612f6f6e65';
const WRITE = '6633933612000000080215181aee0d1dd20400003a0408011805';
const LINK = '6633933618000000080315c5a7e9831dd20400002a0a080112062f622f74776f';
const UNLINK = '6633933618000000080415d0c0c8541dd2040000320a080112062f612f6f6e65';
const PROPERTY = '663393361f000000080515cd0869671dd204000042110a092f4944454e54495459120469642d31';

async function contentHex(log: TestLog): Promise<string> {
  const { events } = await lastSlots(log);
  return events.map((event) => (event.kind === 'data' ? toHex(event.bytes) : '')).join('');
}

describe('a recorder', () => {
  test('writes the bytes that Gazette writes, and hints that name exactly where they lie', async () => {
    const log = newLog('recovery/logs/shard-A');
    const recorder = await recorderOf(log, 1234, emptyFsm(log.journal.name));
    recorder.record([{ create: { path: '/a/one' } }]);
    recorder.recordWrite(1, utf8('hello'), 0);
    recorder.record([{ link: { fnode: 1, path: '/b/two' } }, { unlink: { fnode: 1, path: '/a/one' } }]);
    recorder.record([{ property: { path: '/IDENTITY', content: 'id-1' } }]);
    expect([recorder.end, recorder.nextSeqNo]).toEqual([159, 6]);
    expect(await recorder.barrier()).toBe(159);
    expect(await contentHex(log)).toBe(
      [CREATE, WRITE, toHex(utf8('hello')), LINK, UNLINK, PROPERTY].join(''),
    );
    const segment = {
      author: 1234,
      firstSeqNo: 1,
      firstOffset: 0,
      firstChecksum: 0,
      lastSeqNo: 5, // what updates a property last is named too (exact-hints E4)
      lastOffset: 159,
      log: '',
    };
    const hints = await recorder.buildHints();
    expect(hints).toEqual({
      log: 'recovery/logs/shard-A',
      liveNodes: [{ fnode: 1, segments: [segment] }],
      properties: [{ path: '/IDENTITY', content: 'id-1' }],
    });
    expect(parseHints(encodeHintsJson(hints))).toEqual(hints);
    await recorder.session.close();
  });

  test('names nothing that is dead, but for all that follows the newest create', async () => {
    const log = newLog();
    const recorder = await recorderOf(log, 7, emptyFsm(log.journal.name));
    recorder.record([{ create: { path: '/gone' } }]);
    recorder.record([{ create: { path: '/stays' } }]);
    recorder.record([{ unlink: { fnode: 1, path: '/gone' } }]);
    const { liveNodes } = await recorder.buildHints();
    expect(liveNodes.map(({ fnode }) => fnode)).toEqual([2]);
    expect([recorder.isLive(1), [...recorder.namesOf(1)], [...recorder.namesOf(2)]]).toEqual([
      false,
      [],
      ['/stays'],
    ]);
    recorder.record([{ unlink: { fnode: 2, path: '/stays' } }]);
    const rest = (await recorder.buildHints()).liveNodes.map(({ fnode, segments }) => [
      fnode,
      segments.map((s) => [s.firstSeqNo, s.lastSeqNo]),
    ]);
    expect(rest).toEqual([[2, [[2, 4]]]]);
    await recorder.session.close();
  });

  test.each([
    ['a file that there is already', { create: { path: '/a' } }],
    ['a name of a file that there is not', { link: { fnode: 99, path: '/b' } }],
    ['a write beyond all positions', { write: { fnode: 1, offset: Number.MAX_SAFE_INTEGER, length: 1 } }],
  ])(
    'is broken by what cannot have happened (%s), and nothing of the call is in the log',
    async (_, body) => {
      const log = newLog();
      const recorder = await recorderOf(log, 7, emptyFsm(log.journal.name));
      recorder.record([{ create: { path: '/a' } }]);
      const { end } = recorder;
      await recorder.barrier();
      expect(() => recorder.record([{ create: { path: '/c' } }, body])).toThrow(
        expect.objectContaining({ code: 'RECORDER_BROKEN' }),
      );
      expect(() => recorder.record([{ create: { path: '/d' } }])).toThrow(/RECORDER|stopped for good/);
      await expect(recorder.buildHints()).rejects.toMatchObject({ code: 'RECORDER_BROKEN' });
      await recorder.session.close();
      const { reader } = await lastSlots(log);
      expect(reader.cursor.offset).toBe(end);
    },
  );

  test('takes data of any length up to the longest write, small ones copied and large ones as they are', async () => {
    const log = newLog();
    const recorder = await recorderOf(log, 7, emptyFsm(log.journal.name));
    recorder.record([{ create: { path: '/a' } }]);
    for (const length of [0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, MAX_WRITE_BYTES])
      recorder.recordWrite(1, new Uint8Array(length).fill(length % 251), 0);
    const end = await recorder.barrier();
    expect(end).toBe(recorder.end);
    const hex = await contentHex(log);
    expect(hex.length).toBe(2 * end);
    for (const length of [4095, 4097, 65_537, MAX_WRITE_BYTES])
      expect(hex).toContain(toHex(new Uint8Array(length).fill(length % 251)));
    await recorder.session.close();
  });
});
