/**
 * A journal's registers in the form that Gazette's brokers hold and send them: a protobuf LabelSet (gazette.md §1.5, §7). Needed where a fence is
 * carried over to a broker: it is in no fragment.
 *
 *   LabelSet { repeated Label labels = 1 }    Label { string name = 1, value = 2 }
 */
import { concatBytes, utf8 } from '../../base/index.ts';
import type { Registers } from './slot.ts';

const FIRST_FIELD = 0x0a;
const SECOND_FIELD = 0x12;

function field(tag: number, bytes: Uint8Array): Uint8Array {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return concatBytes([Uint8Array.of(tag, ...length, rest), bytes]);
}

/** Labels ascending by name; an empty value is left out, as proto3 has it. */
export function labelSet(registers: Registers): Uint8Array {
  return concatBytes(
    Object.keys(registers)
      .sort()
      .map((name) => {
        const value = utf8(registers[name]!);
        const parts = [field(FIRST_FIELD, utf8(name))];
        if (value.length > 0) parts.push(field(SECOND_FIELD, value));
        return field(FIRST_FIELD, concatBytes(parts));
      }),
  );
}
