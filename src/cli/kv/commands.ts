/**
 * The commands that call a key-value service.
 *
 * 1. Without --json a value is printed as it is, byte for byte: what was put comes out.
 */
import { EXIT } from '../../api/index.ts';
import { call, NOT_SO, printed, shown, type Flags, type ReadFlags, type WriteFlags } from './call.ts';

export interface ListFlags extends ReadFlags {
  readonly keys?: boolean;
  readonly limit?: number;
}

const consistencyOf = ({ stale }: ReadFlags): { readonly consistency?: 'stale' } =>
  stale === true ? { consistency: 'stale' } : {};

export async function get(key: string, flags: ReadFlags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const { value, expiresAt, appliedIndex } = await client.read(key, { ...consistencyOf(flags), signal });
    if (flags.json)
      await out.json({
        key,
        found: value !== undefined,
        ...(value ? shown('value', value) : {}),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        appliedIndex,
      });
    else if (value) await out.write(value); // 1
    else console.error('KEY_NOT_FOUND: There is no such key.');
    return value ? EXIT.ok : NOT_SO;
  });
}

export async function list(prefix: string, flags: ListFlags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    let left = flags.limit ?? Infinity;
    for await (const { key, value, expiresAt } of client.iterate(
      { prefix },
      { ...consistencyOf(flags), signal },
    )) {
      if (left-- <= 0) break;
      const shownValue = flags.keys === true ? {} : shown('value', value);
      if (flags.json)
        await out.json({
          ...shown('key', key),
          ...shownValue,
          ...(expiresAt === undefined ? {} : { expiresAt }),
        });
      else await out.line(flags.keys === true ? printed(key) : `${printed(key)}\t${printed(value)}`);
    }
    return EXIT.ok;
  });
}

export async function put(key: string, value: string | undefined, flags: WriteFlags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const pair = { key, value: value ?? (await standardInput(signal)), ttlMs: flags.ttlMs };
    await client.put([pair], { requestId: flags.requestId, signal });
    if (flags.json) await out.json({ pairs: 1 });
    return EXIT.ok;
  });
}

async function standardInput(signal: AbortSignal): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) {
    signal.throwIfAborted();
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

export async function remove(key: string, flags: WriteFlags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const deleted = await client.delete(key, { requestId: flags.requestId, signal });
    if (flags.json) await out.json({ deleted });
    else await out.line(deleted ? 'deleted' : 'it was not there');
    return EXIT.ok;
  });
}

export async function cas(
  key: string,
  value: string,
  flags: WriteFlags & { readonly expected?: string },
): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const { expected, requestId, ttlMs } = flags;
    const swapped = await client.compareAndSet(key, expected, value, { requestId, ttlMs, signal });
    if (flags.json) await out.json({ swapped });
    else await out.line(swapped ? 'set' : 'the key does not hold what was expected');
    return swapped ? EXIT.ok : NOT_SO;
  });
}

export async function stats(flags: Flags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const figures = await client.stats({ signal });
    if (flags.json) await out.json(figures);
    else
      for (const [name, figure] of Object.entries(figures))
        await out.line(`${name}: ${typeof figure === 'string' ? figure : JSON.stringify(figure)}`);
    return EXIT.ok;
  });
}

export async function backup(url: string, flags: Flags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const report = await client.backup(url, { signal, timeoutMs: flags.timeoutMs });
    if (flags.json) await out.json(report);
    else await out.line(`change ${report.changeNumber}: ${report.pairs} pairs, ${report.bytes} bytes`);
    return EXIT.ok;
  });
}

export async function restore(url: string, flags: Flags): Promise<number> {
  return await call(flags, async (client, { out, signal }) => {
    const report = await client.restore(url, { signal, timeoutMs: flags.timeoutMs });
    if (flags.json) await out.json(report);
    else
      await out.line(`restored change ${report.changeNumber}: ${report.pairs} pairs, ${report.bytes} bytes`);
    return EXIT.ok;
  });
}
