/**
 * recoverylog/testing: logs on an in-memory store and real directories, and logs of operations alone, for tests of this room and of those above it.
 */
export { encodeFrame, FrameReader, FRAME_HEADER_BYTES, frameLength, putFrame } from '../format/frame.ts';
export { decodeOpAt, opReader, type RecordedOp } from '../format/op.ts';
export { neededRanges, OpLog, type LoggedOp } from './op-log.ts';
export { newLog, play, takeOver, treeOf, withTempDir, type TestLog } from './test-log.ts';
