/**
 * An ordered map from strings to values as a copy-on-write B+tree: the engine's only data structure.
 *
 * T1  Keys ascend in every leaf and across leaves; `lows[i]` of a branch is at most every key below child i and above every key of child i-1.
 * T2  A node is changed in place only by the map that owns it. `view` takes ownership away from every node in O(1); later writes copy
 *     their path (O(log n) nodes) once. A view therefore never changes: snapshots and iterations are points in time.
 * T3  Every node but the root holds between order/4 and order entries, so depth is O(log n) whatever was deleted.
 */
import { assert } from '../../base/index.ts';

/** Entries of a full node. 64 keeps a path three deep at a quarter million keys while the splice in a leaf stays within a cache line or two. */
export const DEFAULT_ORDER = 64;

/** Identity of the one map that may change a node in place (T2). */
type Owner = object;

export interface Leaf<V> {
  readonly leaf: true;
  readonly owner: Owner;
  keys: string[];
  values: V[];
}

interface Branch<V> {
  readonly leaf: false;
  readonly owner: Owner;
  lows: string[];
  children: TreeNode<V>[];
}

export type TreeNode<V> = Leaf<V> | Branch<V>;

interface Split<V> {
  readonly low: string;
  readonly right: TreeNode<V>;
}

/** A point in time of an OrderedMap. Reading it needs no care about writers (T2). */
export class OrderedView<V extends object> {
  protected root: TreeNode<V>;
  protected count: number;

  constructor(root: TreeNode<V>, count: number) {
    this.root = root;
    this.count = count;
  }

  get size(): number {
    return this.count;
  }

  get(key: string): V | undefined {
    let node = this.root;
    while (!node.leaf) node = node.children[childIndex(node.lows, key)]!;
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  /** Entries with key >= `start`, ascending. On a live map the loop must end before the next write; on a view it may take any time. */
  *entries(start = ''): Generator<readonly [string, V]> {
    const path: { branch: Branch<V>; next: number }[] = [];
    let node = this.root;
    for (;;) {
      while (!node.leaf) {
        const at = childIndex(node.lows, start);
        path.push({ branch: node, next: at + 1 });
        node = node.children[at]!;
      }
      for (let i = lowerBound(node.keys, start); i < node.keys.length; i++)
        yield [node.keys[i]!, node.values[i]!];
      while (path.length > 0 && path.at(-1)!.next >= path.at(-1)!.branch.children.length) path.pop();
      const top = path.at(-1);
      if (!top) return;
      node = top.branch.children[top.next++]!;
    }
  }
}

export class OrderedMap<V extends object> extends OrderedView<V> {
  #owner: Owner;
  readonly #order: number;
  /** What the latest `set` has replaced. */
  #before: V | undefined;

  /** @param order entries of a full node, at least 8 (below that T3 would allow an only child); tests use small ones to grow deep trees. */
  constructor(order: number = DEFAULT_ORDER) {
    assert(order >= 8, 'a node of the ordered map has room for at least 8 entries', { order });
    const owner = {};
    super({ leaf: true, owner, keys: [], values: [] }, 0);
    this.#owner = owner;
    this.#order = order;
  }

  /** A map over a tree of the default order that keeps T1 and T3 and whose nodes all belong to `owner`, which is the map's from here on. */
  static from<V extends object>(root: TreeNode<V>, count: number, owner: object): OrderedMap<V> {
    const map = new OrderedMap<V>();
    map.root = root;
    map.count = count;
    map.#owner = owner;
    return map;
  }

  /** The map as it is now, for ever (T2). O(1). */
  view(): OrderedView<V> {
    this.#owner = {};
    return new OrderedView(this.root, this.count);
  }

  /** @returns what was there before */
  set(key: string, value: V): V | undefined {
    this.root = this.#own(this.root);
    this.#before = undefined;
    const split = this.#insert(this.root, key, value);
    if (split)
      this.root = {
        leaf: false,
        owner: this.#owner,
        lows: ['', split.low],
        children: [this.root, split.right],
      };
    return this.#before;
  }

  /** Removes `key`. @returns what was there */
  delete(key: string): V | undefined {
    const before = this.get(key);
    if (before === undefined) return undefined; // before any copying
    this.root = this.#own(this.root);
    this.#remove(this.root, key);
    if (!this.root.leaf && this.root.children.length === 1) this.root = this.root.children[0]!;
    this.count--;
    return before;
  }

  #own(node: TreeNode<V>): TreeNode<V> {
    if (node.owner === this.#owner) return node;
    return node.leaf
      ? { leaf: true, owner: this.#owner, keys: [...node.keys], values: [...node.values] }
      : { leaf: false, owner: this.#owner, lows: [...node.lows], children: [...node.children] };
  }

  #ownChild(branch: Branch<V>, at: number): TreeNode<V> {
    const child = this.#own(branch.children[at]!);
    branch.children[at] = child;
    return child;
  }

  #insert(node: TreeNode<V>, key: string, value: V): Split<V> | undefined {
    if (node.leaf) {
      const at = lowerBound(node.keys, key);
      if (node.keys[at] === key) {
        this.#before = node.values[at];
        node.values[at] = value;
        return undefined;
      }
      node.keys.splice(at, 0, key);
      node.values.splice(at, 0, value);
      this.count++;
    } else {
      const at = childIndex(node.lows, key);
      const split = this.#insert(this.#ownChild(node, at), key, value);
      if (!split) return undefined;
      node.lows.splice(at + 1, 0, split.low);
      node.children.splice(at + 1, 0, split.right);
    }
    return entryCount(node) > this.#order ? this.#split(node) : undefined;
  }

  /** Moves the upper half of an owned node into a new right neighbour. */
  #split(node: TreeNode<V>): Split<V> {
    const half = entryCount(node) >> 1;
    if (node.leaf) {
      const keys = node.keys.splice(half);
      const right = { leaf: true, owner: this.#owner, keys, values: node.values.splice(half) } as const;
      return { low: keys[0]!, right };
    }
    const lows = node.lows.splice(half);
    const children = node.children.splice(half);
    return { low: lows[0]!, right: { leaf: false, owner: this.#owner, lows, children } };
  }

  #remove(node: TreeNode<V>, key: string): void {
    if (node.leaf) {
      const at = lowerBound(node.keys, key);
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      return;
    }
    const at = childIndex(node.lows, key);
    const child = this.#ownChild(node, at);
    this.#remove(child, key);
    if (entryCount(child) < this.#order >> 2) this.#refill(node, at);
  }

  /** Merges child `at` with a neighbour; should both not fit into one node, shares their entries evenly instead (T3). */
  #refill(parent: Branch<V>, at: number): void {
    const leftAt = at > 0 ? at - 1 : at;
    const left = this.#ownChild(parent, leftAt);
    const right = parent.children[leftAt + 1]!; // T3: a branch has at least two children
    if (left.leaf && right.leaf) {
      left.keys.push(...right.keys);
      left.values.push(...right.values);
    } else if (!left.leaf && !right.leaf) {
      left.lows.push(parent.lows[leftAt + 1]!, ...right.lows.slice(1));
      left.children.push(...right.children);
    }
    const split = entryCount(left) > this.#order ? this.#split(left) : undefined;
    if (split) {
      parent.lows[leftAt + 1] = split.low;
      parent.children[leftAt + 1] = split.right;
    } else {
      parent.lows.splice(leftAt + 1, 1);
      parent.children.splice(leftAt + 1, 1);
    }
  }
}

function entryCount<V>(node: TreeNode<V>): number {
  return node.leaf ? node.keys.length : node.children.length;
}

/** Index of the first key >= `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the child below which `key` belongs: the last one whose low is <= key. `lows[0]` counts as lowest of all. */
function childIndex(lows: readonly string[], key: string): number {
  let low = 1;
  let high = lows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lows[middle]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
