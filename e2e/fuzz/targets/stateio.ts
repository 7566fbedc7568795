/**
 * State files: a restore is total, reads the same each time, and accounts for every byte (stateio R1, S1).
 */
import { viewOf, xxh64Low32 } from '../../../src/base/index.ts';
import { BLOCK_BYTES, restore, StateWriter, updatesOf } from '../../../src/stateio/index.ts';
import { MemoryStateFile, vectors } from '../../../src/stateio/testing/index.ts';
import { equal, Violation, type Target } from '../target.ts';

/** checksum u32, type u8, length u16, offset u64 */
const HEADER_BYTES = 15;

/** The checksums of records, one behind another as their lengths say. */
function repair(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + HEADER_BYTES + view.getUint16(at + 5, true);
    if (end > bytes.length || end > BLOCK_BYTES) return;
    view.setUint32(at, xxh64Low32(bytes.subarray(at + 4, end)), true);
    at = end;
  }
}

async function small(): Promise<Uint8Array> {
  const file = new MemoryStateFile();
  const writer = new StateWriter(file);
  for (let n = 0; n < 12; n++) {
    const payload = new Uint8Array(n * 17).fill(n);
    await (n % 4 === 3 ? writer.snapshot(payload) : writer.update(payload));
  }
  return file.bytes;
}

export const stateio: Target = {
  name: 'stateio',
  corpus: async () => [vectors.G1, await small()],
  repair,
  check: async (input) => {
    const file = new MemoryStateFile(input);
    const restored = await restore(file);
    equal('considered', restored.considered, input.length);
    const told: string[] = [];
    const reader = updatesOf(file, restored);
    let taken = (await restored.snapshot?.bytes())?.length ?? 0;
    for (;;) {
      const outcome = await reader.next();
      told.push(outcome.kind === 'damage' ? outcome.damage.reason : outcome.kind);
      if (outcome.kind === 'update') taken += outcome.payload.length;
      if (outcome.kind === 'end') break;
      if (told.length > input.length + 1) throw new Violation('more entries than bytes');
    }
    if (taken > input.length) throw new Violation(`${taken} bytes of content from ${input.length}`);
    const again = await restore(file);
    equal(
      'restored again',
      [again.epoch, again.end, again.skipped],
      [restored.epoch, restored.end, restored.skipped],
    );
    const skipped = new Set(restored.skipped.map(({ reason }) => reason));
    return `${restored.snapshot === undefined} ${told.slice(0, 6).join()} ${[...skipped].join()}`;
  },
};
