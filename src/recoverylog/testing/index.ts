/**
 * recoverylog/testing: logs on an in-memory store and real directories, and the parts of the format, for tests of this room, of those above it, and for e2e.
 */
export { contentOf, cutLog, operationEnds } from './cut-log.ts';
export {
  encodeFrame,
  FRAME_HEADER_BYTES,
  frameLength,
  FrameReader,
  MAX_DATA_BYTES,
  MAX_OP_BYTES,
  putFrame,
  type Frame,
} from '../format/frame.ts';
export {
  encodeHintsJson,
  encodeHintsProtobuf,
  liveLogSegments,
  parseHints,
  type FsmHints,
} from '../format/hints.ts';
export { decodeOp, decodeOpAt, encodeOp, opReader, type RecordedOp } from '../format/op.ts';
export { SegmentSet, type Segment } from '../format/segment.ts';
export { Fsm, type Rejection } from '../fsm.ts';
export { STAGING } from '../paths.ts';
export { localFsOn } from '../play/local-fs.ts';
export { Player } from '../play/player.ts';
export { diskOn } from '../record/disk.ts';
export { faultyFs, type DiskFault, type FaultyFs } from './faulty-fs.ts';
export {
  calmTime,
  codeOf,
  logHolding,
  newLog,
  play,
  takeOver,
  treeOf,
  withTempDir,
  type PlainLog,
  type TestLog,
} from './test-log.ts';
export { put, scene } from './scene.ts';
export { opsLog, workloadLog, type Workload } from './workload-log.ts';
export { naivePlay } from './naive-play.ts';
export { neededRanges, OpLog, type LoggedOp } from './op-log.ts';
export { scriptedDisk, systemError, type DiskFate, type ScriptedDisk } from './scripted-disk.ts';
