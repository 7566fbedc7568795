/**
 * What the frames of a log do to the files: the state machine says which belong, this says what they change. No effects.
 *
 * L5  Paths that lead out of the directory are never played (paths.ts).
 */
import type { Logger } from '../../base/index.ts';
import { ReplayError } from '../errors.ts';
import type { Frame } from '../format/frame.ts';
import type { Fsm } from '../fsm.ts';
import { isPlayable } from '../paths.ts';

/** `died`: the file that had this name as its last one; of a create or link, one that only wrong hints kept alive (fsm.ts M6). */
export type FileChange =
  | {
      readonly kind: 'create';
      readonly fnode: number;
      readonly path: string;
      readonly died: number | undefined;
    }
  | { readonly kind: 'link'; readonly path: string; readonly died: number | undefined }
  | { readonly kind: 'unlink'; readonly path: string; readonly died: number | undefined }
  /** `data` is a view of what was read. */
  | { readonly kind: 'write'; readonly fnode: number; readonly offset: number; readonly data: Uint8Array };

export class Operations {
  readonly #fsm: Fsm;
  readonly #log: Logger;
  /** Operations that belonged, and that did not. */
  applied = 0;
  ignored = 0;

  constructor(fsm: Fsm, log: Logger) {
    this.#fsm = fsm;
    this.#log = log;
  }

  /** The next frame of log `name`: what it changes, if anything. @throws ReplayError */
  apply(frame: Frame, name: string): FileChange | undefined {
    const { firstOffset, lastOffset } = frame;
    if (frame.kind === 'desync') {
      this.#log.warn('bytes of the log that are no operation were passed over', {
        log: name,
        firstOffset,
        lastOffset,
      });
      return undefined;
    }
    const { op } = frame;
    const path = (op.create ?? op.link ?? op.unlink)?.path;
    const had = path === undefined ? undefined : this.#fsm.links.get(path);
    const rejection = this.#fsm.applyFrame(frame);
    if (rejection !== undefined) {
      this.ignored++;
      if (rejection !== 'not-tracked' && rejection !== 'wrong-seq-no' && this.#log.isDebugEnabled())
        this.#log.debug('operation does not belong to the log', {
          rejection,
          seqNo: op.seqNo,
          author: op.author,
        });
      return undefined;
    }
    this.applied++;
    const died = had !== undefined && !this.#fsm.isLive(had) ? had : undefined;
    if (op.create) {
      checkPlayable(op.create.path, name, firstOffset);
      return { kind: 'create', fnode: op.seqNo, path: op.create.path, died };
    }
    if (op.link) {
      checkPlayable(op.link.path, name, firstOffset);
      return { kind: 'link', path: op.link.path, died };
    }
    if (op.unlink) return { kind: 'unlink', path: op.unlink.path, died };
    if (op.write) return { kind: 'write', fnode: op.write.fnode, offset: op.write.offset, data: frame.data };
    return undefined;
  }
}

/** L5 @throws ReplayError */
export function checkPlayable(path: string, log: string, offset: number): void {
  if (!isPlayable(path))
    throw new ReplayError(log, offset, `the path ${JSON.stringify(path)} leads out of the directory`);
}
