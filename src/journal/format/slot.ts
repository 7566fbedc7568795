/**
 * The bytes of a slot (s3log.md §6.2): a fixed header, the registers, the payload.
 *
 *   0  u32 magic "HFSL"        24 u64 end                64 16 B put-id of the slot before
 *   4  u8  version             32 u64 session            80 u64 newest CHECKPOINT known, all ones = none
 *   5  u8  kind                40 u32 author             88 u32 payload length
 *   6  u8  codec               44 u32 registers length   92 u32 CRC-32C of the payload
 *   7  u8  flags               48 16 B put-id            96 28 B zero
 *   8  u64 seq                                          124 u32 CRC-32C of bytes 0-123 and the registers
 *   16 u64 begin                                        128 registers, then payload
 *
 * T1  Little endian. Everything but the payload lies in the first SLOT_HEAD_BYTES, so that one short ranged GET is enough for every decision.
 * T2  A decoder believes nothing: lengths, checksums, kinds and the relation of begin and end are checked before anything is used.
 * T3  A reader meets no unknown version or kind silently; a format only ever grows a new version.
 */
import {
  assert,
  checkPosition,
  crc32c,
  fromUtf8,
  positionFromBigInt,
  utf8,
  viewOf,
} from '../../base/index.ts';
import type { Codec } from './codec.ts';
import { CorruptSlotError } from '../errors.ts';

export type SlotKind = 'data' | 'fence' | 'filler' | 'checkpoint';
/** Small key=value set that fences carry; always `author` and `term`. */
export type Registers = Readonly<Record<string, string>>;

export interface SlotHeader {
  readonly kind: SlotKind;
  readonly codec: Codec;
  /** A fence put ahead of the tail: its offset was not known when it was written. */
  readonly leap: boolean;
  readonly seq: number;
  /** Content bytes [begin, end) of the journal; begin = end for slots without content. */
  readonly begin: number;
  readonly end: number;
  /**
   * Slot number of the FENCE that opened the writing session; a FENCE names itself. A FILLER names the newest FENCE below it: that of its owner
   * lies above it, and a session never begins above its own slots.
   */
  readonly session: number;
  readonly author: number;
  readonly putId: Uint8Array;
  /** Put-id of slot seq-1 as the writer knew it; all zero when it did not. */
  readonly previousPutId: Uint8Array;
  /** Slot number of the newest CHECKPOINT that the writer knew. */
  readonly checkpoint: number | undefined;
  /** Full set, in FENCE and CHECKPOINT slots; only what it sets, in a leap FENCE; empty in others. */
  readonly registers: Registers;
}

export interface Slot extends SlotHeader {
  /** As stored, by `codec`; what `readSlot` returns has the content of a DATA slot here. */
  readonly payload: Uint8Array;
}

export const HEADER_BYTES = 128;
export const PUT_ID_BYTES = 16;
/** Header and registers (T1); also the range of the short GET. */
export const SLOT_HEAD_BYTES = 512;
export const MAX_REGISTERS_BYTES: number = SLOT_HEAD_BYTES - HEADER_BYTES;
/** A slot is one PUT without multipart; above 8 MiB latency and memory of a retry are no longer small (s3log.md §6.2). */
export const MAX_PAYLOAD_BYTES: number = 8 * 1024 * 1024;

export const MAGIC = 0x4c534648;
export const VERSION = 1;
const FLAG_LEAP = 1;
const NO_CHECKPOINT = 0xffff_ffff_ffff_ffffn;
const KINDS: readonly SlotKind[] = ['data', 'fence', 'filler', 'checkpoint'];
const CODECS: readonly Codec[] = ['raw', 'gzip', 'zstd'];
const ZERO_PUT_ID: Uint8Array = new Uint8Array(PUT_ID_BYTES);

export { ZERO_PUT_ID };

/** Registers as text: `key=value` lines, keys ascending. @throws InvariantError when a part cannot be written so. */
export function encodeRegisters(registers: Registers): Uint8Array {
  const lines = Object.keys(registers)
    .sort()
    .map((key) => {
      const value = registers[key]!;
      assert(
        /^[\w.\-/]{1,64}$/.test(key) && /^[\x20-\x7e]*$/.test(value),
        'T2: a register is a short printable key=value',
        { key, value },
      );
      return `${key}=${value}\n`;
    });
  const bytes = utf8(lines.join(''));
  assert(bytes.length <= MAX_REGISTERS_BYTES, 'T1: registers fit into the head of a slot', {
    bytes: bytes.length,
  });
  return bytes;
}

function decodeRegisters(bytes: Uint8Array): Registers | undefined {
  const registers: Record<string, string> = {};
  let text: string;
  try {
    text = fromUtf8(bytes);
  } catch {
    return undefined; // not UTF-8: the caller reports the slot as corrupt
  }
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const at = line.indexOf('=');
    if (at <= 0) return undefined;
    registers[line.slice(0, at)] = line.slice(at + 1);
  }
  return registers;
}

/** The bytes of a slot. @throws InvariantError when the slot breaks the format's own rules. */
export function encodeSlot(slot: Slot): Uint8Array {
  const registers = encodeRegisters(slot.registers);
  const bytes = new Uint8Array(HEADER_BYTES + registers.length + slot.payload.length);
  bytes.set(registers, HEADER_BYTES);
  bytes.set(slot.payload, HEADER_BYTES + registers.length);
  return seal(bytes, registers.length, slot, crc32c(slot.payload));
}

/**
 * Completes the bytes of a slot without registers that has its payload, with the CRC-32C `payloadCrc`, from HEADER_BYTES on; a batch is copied
 * once. What those bytes held where the header goes does not matter. @throws InvariantError when the slot breaks the format's own rules.
 */
export function sealSlot(bytes: Uint8Array, header: SlotHeader, payloadCrc: number): Uint8Array {
  assert(Object.keys(header.registers).length === 0, 'a slot with registers is encoded as a whole');
  return seal(bytes, 0, header, payloadCrc);
}

function seal(bytes: Uint8Array, registersLength: number, slot: SlotHeader, payloadCrc: number): Uint8Array {
  const payload = bytes.subarray(HEADER_BYTES + registersLength);
  checkShape(slot, payload.length);
  const header = bytes.subarray(0, HEADER_BYTES).fill(0);
  const view = viewOf(header);
  view.setUint32(0, MAGIC, true);
  header[4] = VERSION;
  header[5] = KINDS.indexOf(slot.kind) + 1;
  header[6] = CODECS.indexOf(slot.codec);
  header[7] = slot.leap ? FLAG_LEAP : 0;
  view.setBigUint64(8, BigInt(checkPosition('slot number', slot.seq)), true);
  view.setBigUint64(16, BigInt(checkPosition('begin offset', slot.begin)), true);
  view.setBigUint64(24, BigInt(checkPosition('end offset', slot.end)), true);
  view.setBigUint64(32, BigInt(checkPosition('session', slot.session)), true);
  view.setUint32(40, slot.author, true);
  view.setUint32(44, registersLength, true);
  header.set(slot.putId, 48);
  header.set(slot.previousPutId, 64);
  view.setBigUint64(80, slot.checkpoint === undefined ? NO_CHECKPOINT : BigInt(slot.checkpoint), true);
  view.setUint32(88, payload.length, true);
  view.setUint32(92, payloadCrc, true);
  const registers = bytes.subarray(HEADER_BYTES, HEADER_BYTES + registersLength);
  view.setUint32(124, crc32c(registers, crc32c(header.subarray(0, 124))), true);
  return bytes;
}

function checkShape(slot: SlotHeader, payloadBytes: number): void {
  const length = slot.end - slot.begin;
  assert(
    slot.putId.length === PUT_ID_BYTES && slot.previousPutId.length === PUT_ID_BYTES,
    'a put-id has 16 bytes',
  );
  assert(
    payloadBytes <= MAX_PAYLOAD_BYTES && length <= MAX_PAYLOAD_BYTES,
    'a payload has at most 8 MiB, as stored and as content',
    { payloadBytes, length },
  );
  assert(slot.kind === 'data' ? length > 0 : length === 0, 'only DATA slots carry content', {
    kind: slot.kind,
    length,
  });
  assert(
    slot.kind !== 'data' || slot.codec !== 'raw' || payloadBytes === length,
    'raw content has the length of its range',
    { length },
  );
  assert(
    slot.kind === 'fence' ? slot.session === slot.seq : slot.session < slot.seq,
    'a session begins with its FENCE',
    { seq: slot.seq, session: slot.session },
  );
}

/** Decodes header and registers from the first bytes of a slot. @throws CorruptSlotError */
export function decodeSlotHead(
  bytes: Uint8Array,
  where: string,
): SlotHeader & { readonly payloadLength: number; readonly payloadCrc: number } {
  const bad = (problem: string): CorruptSlotError => new CorruptSlotError(where, problem);
  if (bytes.length < HEADER_BYTES) throw bad(`only ${bytes.length} bytes, a header has ${HEADER_BYTES}`);
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC) throw bad('does not begin with a slot header');
  if (bytes[4] !== VERSION) throw bad(`format version ${bytes[4]} is not known to this program`);
  const registersLength = view.getUint32(44, true);
  if (registersLength > MAX_REGISTERS_BYTES) throw bad(`registers of ${registersLength} bytes`);
  if (bytes.length < HEADER_BYTES + registersLength) throw bad('ends inside its registers');
  const registerBytes = bytes.subarray(HEADER_BYTES, HEADER_BYTES + registersLength);
  if (crc32c(registerBytes, crc32c(bytes.subarray(0, 124))) !== view.getUint32(124, true))
    throw bad('header checksum is wrong');
  const kind = KINDS[bytes[5]! - 1];
  const codec = CODECS[bytes[6]!];
  const registers = decodeRegisters(registerBytes);
  if (!kind || !codec || !registers)
    throw bad(`kind ${bytes[5]}, codec ${bytes[6]} or registers are not known to this program`);
  const checkpoint = view.getBigUint64(80, true);
  const number = (name: string, at: number): number => positionFromBigInt(name, view.getBigUint64(at, true));
  return {
    kind,
    codec,
    leap: (bytes[7]! & FLAG_LEAP) !== 0,
    seq: number('slot number', 8),
    begin: number('begin offset', 16),
    end: number('end offset', 24),
    session: number('session', 32),
    author: view.getUint32(40, true),
    putId: bytes.slice(48, 64),
    previousPutId: bytes.slice(64, 80),
    checkpoint: checkpoint === NO_CHECKPOINT ? undefined : positionFromBigInt('checkpoint', checkpoint),
    registers,
    payloadLength: view.getUint32(88, true),
    payloadCrc: view.getUint32(92, true),
  };
}

/** Decodes a whole slot and checks that it is the one numbered `seq`. The payload is a view of `bytes`, as stored. @throws CorruptSlotError */
export function decodeSlot(bytes: Uint8Array, seq: number, where: string): Slot {
  const { payloadLength, payloadCrc, ...header } = decodeSlotHead(bytes, where);
  const bad = (problem: string): CorruptSlotError => new CorruptSlotError(where, problem);
  const start = bytes.length - payloadLength;
  const registersEnd = HEADER_BYTES + viewOf(bytes).getUint32(44, true);
  if (start !== registersEnd)
    throw bad(`has ${bytes.length} bytes, its header promises ${registersEnd + payloadLength}`);
  const payload = bytes.subarray(start);
  if (crc32c(payload) !== payloadCrc) throw bad('payload checksum is wrong');
  if (header.seq !== seq) throw bad(`says it is slot ${header.seq}`);
  const length = header.end - header.begin;
  if (header.kind === 'data' ? length <= 0 : length !== 0)
    throw bad(`a ${header.kind} slot of ${length} content bytes`);
  if (length > MAX_PAYLOAD_BYTES) throw bad(`promises ${length} bytes of content`);
  if (header.kind === 'data' && header.codec === 'raw' && payload.length !== length)
    throw bad(`${payload.length} bytes for a range of ${length}`);
  return { ...header, payload };
}
