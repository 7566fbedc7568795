/**
 * Every category of vectors, in the order of their README.
 */
import type { Category } from './category.ts';
import { authorFence, fragmentCodecs, fragmentNaming, fragmentParse, storePathRewrite } from './fragments.ts';
import { frames, payloadDecode } from './frames.ts';
import { buildHints, fsmSequences } from './fsm.ts';
import { logOperations } from './logs/operations.ts';
import { logPlaybacks } from './logs/playbacks.ts';
import { hintsDecode, hintsLiveSegments, segmentSetAdd, segmentSetIntersect } from './segments.ts';
import { streamDecode } from './stream-decode.ts';

export const CATEGORIES: readonly Category[] = [
  frames,
  payloadDecode,
  streamDecode,
  fsmSequences,
  buildHints,
  segmentSetAdd,
  segmentSetIntersect,
  hintsLiveSegments,
  hintsDecode,
  fragmentNaming,
  fragmentParse,
  storePathRewrite,
  authorFence,
  fragmentCodecs,
  logOperations,
  logPlaybacks,
];
