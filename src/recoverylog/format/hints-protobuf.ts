/**
 * Hints as binary protobuf: the other form that Gazette reads (gazette.md §1.6). hints.ts reads it and writes JSON.
 *
 * P1  Canonical: fields ascending, zero scalars left out, so that the same hints are the same bytes.
 */
import { utf8 } from '../../base/index.ts';
import { recoverylog as pb } from '../gen/recoverylog.js';
import type { FsmHints } from './hints.ts';

/** Drops what protobuf leaves out: zero and empty (P1). */
function present<T extends object>(message: T): Partial<T> {
  const entries = Object.entries(message).filter(
    ([, value]) => value !== 0 && value !== '' && !(value instanceof Uint8Array && value.length === 0),
  );
  return Object.fromEntries(entries) as Partial<T>;
}

/** The binary form (P1). */
export function encodeHintsProtobuf({ log, liveNodes, properties }: FsmHints): Uint8Array {
  const message = {
    ...present({ log }),
    live_nodes: liveNodes.map(({ fnode, segments }) => ({
      ...present({ fnode }),
      segments: segments.map((segment) =>
        present({
          author: segment.author,
          first_seq_no: segment.firstSeqNo,
          first_offset: segment.firstOffset,
          first_checksum: segment.firstChecksum,
          last_seq_no: segment.lastSeqNo,
          last_offset: segment.lastOffset,
          log: segment.log,
        }),
      ),
    })),
    properties: properties.map(({ path, content }) => present({ path: utf8(path), content: utf8(content) })),
  };
  return pb.FSMHints.encode(message).finish();
}
