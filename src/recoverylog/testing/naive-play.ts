/**
 * What a log comes to when every operation is done in memory as it stands there: the measure of whatever is cleverer.
 */
import { FrameReader } from '../format/frame.ts';
import { Fsm } from '../fsm.ts';

/** Files by path, from all bytes of a log from its beginning. */
export function naivePlay(log: string, batches: Iterable<Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const fsm = new Fsm({ log, liveNodes: [], properties: [] });
  const frames = new FrameReader(log, 0);
  const files = new Map<number, { bytes: Uint8Array; size: number }>();
  for (const batch of batches) {
    frames.push(batch);
    for (let frame = frames.next(); frame; frame = frames.next()) {
      if (frame.kind === 'desync') continue;
      const { op, payload, data, firstOffset, lastOffset } = frame;
      if (fsm.apply(op, payload, { firstOffset, lastOffset, log }) !== undefined) continue;
      if (op.create) files.set(op.seqNo, { bytes: new Uint8Array(64), size: 0 });
      if (op.unlink && !fsm.isLive(op.unlink.fnode)) files.delete(op.unlink.fnode);
      if (!op.write || data.length === 0) continue;
      const file = files.get(op.write.fnode)!;
      const end = op.write.offset + data.length;
      if (end > file.bytes.length) {
        const larger = new Uint8Array(2 * end);
        larger.set(file.bytes.subarray(0, file.size));
        file.bytes = larger;
      }
      file.bytes.set(data, op.write.offset);
      file.size = Math.max(file.size, end);
    }
  }
  return new Map(
    [...fsm.links].map(([path, fnode]) => {
      const { bytes, size } = files.get(fnode)!;
      return [path, bytes.subarray(0, size)];
    }),
  );
}
