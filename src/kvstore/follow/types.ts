/**
 * What a read replica learns from its source, and what it is doing.
 */
import { type ChangeRecord } from '../engine/types.ts';
import { type ReplicaRole } from '../service.ts';

/** What a source says when it is asked for changes. */
export type Fetched =
  | {
      readonly kind: 'changes';
      readonly role: ReplicaRole;
      /** The newest change of the source. */
      readonly latest: number;
      readonly changes: readonly ChangeRecord[];
    }
  /** What was asked for is not kept any more: load a snapshot. */
  | { readonly kind: 'gap' }
  /** The source has had other changes under the same numbers: load a snapshot. */
  | { readonly kind: 'diverged' }
  /** The source has fewer changes than this replica. */
  | { readonly kind: 'ahead'; readonly latest: number | undefined }
  /** The answer would have been, or was, too much for the way. */
  | { readonly kind: 'too-large'; readonly error: Error };

/** What a read replica is doing. */
export type FollowState =
  | { readonly kind: 'starting' }
  /** The whole contents are on their way. `diverged`: until they are here, this replica shows changes that the source does not have. */
  | { readonly kind: 'loading'; readonly source: URL; readonly diverged: boolean }
  | { readonly kind: 'following'; readonly source: URL }
  /** It shows changes that the source does not have, and says so. */
  | { readonly kind: 'ahead'; readonly source: URL }
  /** Its own files take nothing more. */
  | { readonly kind: 'failed' }
  | { readonly kind: 'closed' };
