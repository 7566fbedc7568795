/**
 * Every fuzz target.
 */
import type { Target } from './target.ts';
import { compactionIndex } from './targets/compaction-index.ts';
import { fragmentNames } from './targets/fragment-name.ts';
import { frames } from './targets/frames.ts';
import { hints } from './targets/hints.ts';
import { op } from './targets/op.ts';
import { slot } from './targets/slot.ts';
import { stateio } from './targets/stateio.ts';

export const TARGETS: readonly Target[] = [frames, op, hints, fragmentNames, slot, compactionIndex, stateio];
