/**
 * Everything that the bytes of one slot tell about themselves: all that is wrong with them, not only the first thing.
 *
 * 1. Believes nothing that decodeSlot refuses; beyond it, a FENCE has to name its author and term.
 * 2. A header that is whole is told even where the payload is not, so that the chain can be followed past the damage.
 */
import { crc32c, ensureError, HoldfastError, viewOf } from '../../base/index.ts';
import { authorOf } from '../read/cursor.ts';
import {
  decodeSlotHead,
  HEADER_BYTES,
  MAGIC,
  MAX_PAYLOAD_BYTES,
  MAX_REGISTERS_BYTES,
  SLOT_HEAD_BYTES,
  VERSION,
  type SlotHeader,
} from '../format/slot.ts';
import { RESTORE_OBJECT, type BytesProblem, type Finding } from './finding.ts';

/** No slot is longer; of an object that is, no more than this is read. */
export const MAX_SLOT_BYTES: number = SLOT_HEAD_BYTES + MAX_PAYLOAD_BYTES;

const KIND_LIMIT = 4;
const CODEC_LIMIT = 2;
const KNOWN_FLAGS = 1;
/** Zero bytes of the header (slot.ts). */
const RESERVED = { start: 96, end: 124 };

/** An object as it was read. */
export interface SlotObject {
  readonly key: string;
  /** The slot number of its key. */
  readonly seq: number;
  /** The first MAX_SLOT_BYTES of it. */
  readonly body: Uint8Array;
  /** Of the whole object, bytes. */
  readonly size: number;
}

export interface BytesCheck {
  /** What the header says, when it is whole and stands where it belongs. */
  readonly header: SlotHeader | undefined;
  readonly findings: readonly Finding[];
}

const USE_NEWER = 'A newer program has written it: verify with the version that the shard runs.';

type Told = Pick<Finding, 'expected' | 'found'> &
  Partial<Pick<Finding, 'severity' | 'bytes' | 'content' | 'help'>>;

/** Checks a slot against its own header (s3log.md §6.2). Pure. */
export function checkBytes(object: SlotObject): BytesCheck {
  const findings: Finding[] = [];
  const tell = (kind: BytesProblem, told: Told): void => {
    findings.push({
      severity: 'damage',
      help: RESTORE_OBJECT,
      ...told,
      kind,
      key: object.key,
      seq: object.seq,
    });
  };
  const registersEnd = checkFrame(object, tell);
  if (registersEnd === undefined) return { header: undefined, findings };
  let head: ReturnType<typeof decodeSlotHead>;
  try {
    head = decodeSlotHead(object.body, String(object.seq));
  } catch (thrown) {
    const error = ensureError(thrown);
    const problem =
      error instanceof HoldfastError ? String(error.fields['problem'] ?? error.message) : error.message;
    tell('bad-field', {
      bytes: { start: 0, end: registersEnd },
      expected: 'header fields in their ranges',
      found: problem,
    });
    return { header: undefined, findings };
  }
  const { payloadLength, payloadCrc, ...header } = head;
  checkPayload(object, registersEnd, payloadLength, payloadCrc, tell);
  checkFields(object, header, payloadLength, tell);
  return { header: header.seq === object.seq ? header : undefined, findings };
}

/** Everything up to the checksum of the header; where the registers end, or undefined when nothing behind can be believed. */
function checkFrame(
  { body, size }: SlotObject,
  tell: (kind: BytesProblem, told: Told) => void,
): number | undefined {
  if (body.length < HEADER_BYTES) {
    tell('wrong-length', {
      bytes: { start: size, end: HEADER_BYTES },
      expected: `at least the ${HEADER_BYTES} bytes of a header`,
      found: `${size} bytes`,
    });
    return undefined;
  }
  const view = viewOf(body);
  if (view.getUint32(0, true) !== MAGIC) {
    tell('not-a-slot', {
      bytes: { start: 0, end: 4 },
      expected: 'the letters HFSL',
      found: hex(view.getUint32(0, true)),
    });
    return undefined;
  }
  if (body[4] !== VERSION) {
    tell('unknown-format', {
      severity: 'unverified',
      bytes: { start: 4, end: 5 },
      expected: `format version ${VERSION}`,
      found: `version ${body[4]}`,
      help: USE_NEWER,
    });
    return undefined;
  }
  const registersLength = view.getUint32(44, true);
  const registersEnd = HEADER_BYTES + registersLength;
  if (registersLength > MAX_REGISTERS_BYTES || registersEnd > body.length) {
    tell(registersLength > MAX_REGISTERS_BYTES ? 'bad-field' : 'wrong-length', {
      bytes:
        registersLength > MAX_REGISTERS_BYTES ? { start: 44, end: 48 } : { start: size, end: registersEnd },
      expected: `registers of at most ${Math.min(MAX_REGISTERS_BYTES, body.length - HEADER_BYTES)} bytes`,
      found: `a header that promises ${registersLength} in an object of ${size}`,
    });
    return undefined;
  }
  const crc = crc32c(body.subarray(HEADER_BYTES, registersEnd), crc32c(body.subarray(0, 124)));
  if (crc !== view.getUint32(124, true)) {
    tell('header-checksum', {
      bytes: { start: 0, end: registersEnd },
      expected: `CRC-32C ${hex(view.getUint32(124, true))} as the header says`,
      found: `${hex(crc)} of header and registers`,
    });
    return undefined;
  }
  if (body[5]! < 1 || body[5]! > KIND_LIMIT || body[6]! > CODEC_LIMIT) {
    tell('unknown-format', {
      severity: 'unverified',
      bytes: { start: 5, end: 7 },
      expected: 'a kind and a codec that this program knows',
      found: `kind ${body[5]}, codec ${body[6]}`,
      help: USE_NEWER,
    });
    return undefined;
  }
  checkReserved(body, tell);
  return registersEnd;
}

function checkReserved(body: Uint8Array, tell: (kind: BytesProblem, told: Told) => void): void {
  const strange = (body[7]! & ~KNOWN_FLAGS) !== 0;
  if (!strange && body.subarray(RESERVED.start, RESERVED.end).every((byte) => byte === 0)) return;
  tell('reserved-bytes', {
    severity: 'warning',
    bytes: strange ? { start: 7, end: 8 } : RESERVED,
    expected: 'zeros',
    found: strange ? `flags ${hex(body[7]!)}` : 'other bytes',
    help: 'The checksum is right, so it was written so: by a newer program, or by one that is none of ours.',
  });
}

function checkPayload(
  { body, size }: SlotObject,
  start: number,
  length: number,
  crc: number,
  tell: (kind: BytesProblem, told: Told) => void,
): void {
  const end = start + length;
  if (size !== end) {
    tell('wrong-length', {
      bytes: { start: Math.min(size, end), end: Math.max(size, end) },
      expected: `${end} bytes as the header promises`,
      found: `${size} bytes`,
    });
    return;
  }
  const computed = crc32c(body.subarray(start, end));
  if (computed === crc) return;
  tell('payload-checksum', {
    bytes: { start, end },
    expected: `CRC-32C ${hex(crc)} as the header says`,
    found: `${hex(computed)} of the payload`,
  });
}

function checkFields(
  { seq }: SlotObject,
  header: SlotHeader,
  payloadLength: number,
  tell: (kind: BytesProblem, told: Told) => void,
): void {
  const length = header.end - header.begin;
  const range = `content ${header.begin}-${header.end}`;
  if (header.seq !== seq)
    tell('wrong-slot-number', {
      bytes: { start: 8, end: 16 },
      expected: `slot ${seq}, as its key says`,
      found: `slot ${header.seq}: the bytes of another slot stand here`,
    });
  if (header.kind === 'data' ? length <= 0 : length !== 0)
    tell('bad-field', {
      bytes: { start: 16, end: 32 },
      expected:
        header.kind === 'data'
          ? 'content in a DATA slot'
          : `no content in a ${header.kind.toUpperCase()} slot`,
      found: range,
    });
  else if (header.kind === 'data' && header.codec === 'raw' && payloadLength !== length)
    tell('bad-field', {
      bytes: { start: 88, end: 92 },
      expected: `a payload of ${length} bytes for ${range}`,
      found: `one of ${payloadLength}`,
    });
  checkRegisters(header, tell);
}

function checkRegisters(header: SlotHeader, tell: (kind: BytesProblem, told: Told) => void): void {
  const { kind, registers, author } = header;
  const bytes = { start: HEADER_BYTES, end: SLOT_HEAD_BYTES };
  if (kind !== 'fence') {
    if (kind === 'checkpoint' || Object.keys(registers).length === 0) return;
    tell('bad-field', {
      severity: 'warning',
      bytes,
      expected: `no registers in a ${kind.toUpperCase()} slot`,
      found: Object.keys(registers).join(', '),
      help: 'Readers do not use them; whoever wrote this slot does not follow the format.',
    });
    return;
  }
  if (!/^[1-9][0-9]*$/.test(registers['term'] ?? '') || authorOf(registers) !== author)
    tell('bad-field', {
      bytes,
      expected: `a term, and author ${author.toString(32)} as in the header`,
      found: `term ${registers['term'] ?? 'none'}, author ${registers['author'] ?? 'none'}`,
    });
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
