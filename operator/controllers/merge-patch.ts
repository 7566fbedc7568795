/**
 * The merge patch (RFC 7386) that turns one plain value into another: only differences, `null` for what is gone, lists as a whole.
 */

type Plain = Readonly<Record<string, unknown>>;

/** The patch, or undefined when there is nothing to change. A value of `undefined` counts as absent. */
export function mergePatch(before: Plain, after: Plain): Plain | undefined {
  const patch: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const held = before[key];
    if (isPlain(held) && isPlain(value)) {
      const inner = mergePatch(held, value);
      if (inner) patch[key] = inner;
    } else if (!equal(held, value)) {
      patch[key] = value;
    }
  }
  for (const key of Object.keys(before)) {
    if (before[key] !== undefined && after[key] === undefined) patch[key] = null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

/** Deep equality of plain data; absent and undefined are the same. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => equal(item, b[i]))
    );
  }
  return isPlain(a) && isPlain(b) && mergePatch(a, b) === undefined;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
