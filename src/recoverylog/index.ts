/**
 * recoverylog: every change of a directory as operations in a journal, and the directory back from them. Wire compatible with Gazette.
 *
 * Folders: format/ (operations, frames, segments, hints: bytes and meaning), record/ (writing: recorder, recorded files), play/ (restoring, following,
 * taking over). Here: fsm.ts (what belongs), exact-hints.ts (what of the log a restore needs, from where files have their operations: stretches.ts), needs.ts (what
 * hints keep from being pruned), paths.ts (what a path may be).
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
export {
  encodeHintsJson,
  liveLogSegments,
  parseHints,
  type FnodeSegments,
  type FsmHints,
} from './format/hints.ts';
export type { DirectoryChange, LiveDirectory } from './play/live-directory.ts';
export { neededByHints } from './needs.ts';
export {
  Player,
  type HandoffOptions,
  type PlayerOptions,
  type PlayerProgress,
  type TakenOver,
} from './play/player.ts';
export type { OpenOptions, RecordedFile, RecordedFs } from './record/recorded-fs.ts';
export type { Recorder } from './record/recorder.ts';
export type { Segment } from './format/segment.ts';
