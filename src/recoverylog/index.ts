/**
 * recoverylog: every change of a directory as operations in a journal, and the directory back from them. Wire compatible with Gazette.
 *
 * Read first: op.ts and frame.ts (the format), fsm.ts (what belongs), hints.ts (where to start), recorder.ts and recorded-fs.ts (writing),
 * player.ts (restoring, following, taking over).
 */
export {
  HintsError,
  HistoryLostError,
  RecordedFsError,
  RecorderBrokenError,
  ReplayError,
  SegmentError,
  WireError,
} from './errors.ts';
export { Fsm, type Rejection } from './fsm.ts';
export { encodeHintsJson, liveLogSegments, parseHints, type FnodeSegments, type FsmHints } from './hints.ts';
export type { DirectoryChange, LiveDirectory } from './live-directory.ts';
export { neededByHints } from './needs.ts';
export {
  Player,
  type HandoffOptions,
  type PlayerOptions,
  type PlayerProgress,
  type TakenOver,
} from './player.ts';
export type { OpenOptions, RecordedFile, RecordedFs } from './recorded-fs.ts';
export type { Recorder } from './recorder.ts';
export type { Segment } from './segment.ts';
