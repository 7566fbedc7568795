/**
 * Fills an ordered map with entries that come in ascending order: every node is written once, none is searched or split.
 *
 * L1  Nodes get FILL entries; what is left over at the end goes into the node before it, so every node keeps the map's bounds (ordered-map.ts T3).
 */
import { assert } from '../../base/index.ts';
import { DEFAULT_ORDER, OrderedMap, type Leaf, type TreeNode } from './ordered-map.ts';

/** Three quarters of a node, so that the first writes after a load do not split every one of them. */
const FILL: number = (DEFAULT_ORDER * 3) / 4;
const LEAST: number = DEFAULT_ORDER / 4;

export class SortedLoad<V extends object> {
  readonly #owner: object = {};
  readonly #leaves: Leaf<V>[] = [];
  #keys: string[] = [];
  #values: V[] = [];
  #last: string | undefined;
  #count = 0;

  /** `key` is greater than all before it. */
  add(key: string, value: V): void {
    assert(this.#last === undefined || key > this.#last, 'keys of a load ascend');
    this.#last = key;
    if (this.#keys.length === FILL) this.#closeLeaf();
    this.#keys.push(key);
    this.#values.push(value);
    this.#count++;
  }

  /** The map; the load is used up. */
  finish(): OrderedMap<V> {
    const before = this.#leaves.at(-1);
    if (before && this.#keys.length < LEAST) {
      before.keys.push(...this.#keys);
      before.values.push(...this.#values);
    } else this.#closeLeaf();
    let level: Built<V>[] = this.#leaves.map((node) => ({ low: node.keys[0] ?? '', node }));
    while (level.length > 1) level = this.#parentsOf(level);
    return OrderedMap.from(level[0]!.node, this.#count, this.#owner);
  }

  #closeLeaf(): void {
    this.#leaves.push({ leaf: true, owner: this.#owner, keys: this.#keys, values: this.#values });
    this.#keys = [];
    this.#values = [];
  }

  #parentsOf(children: readonly Built<V>[]): Built<V>[] {
    const parents: Built<V>[] = [];
    for (let at = 0; at < children.length;) {
      const left = children.length - at;
      const take = left < FILL + LEAST ? left : FILL; // L1
      const group = children.slice(at, at + take);
      at += take;
      const lows = group.map(({ low }) => low);
      parents.push({
        low: lows[0]!,
        node: { leaf: false, owner: this.#owner, lows, children: group.map(({ node }) => node) },
      });
    }
    return parents;
  }
}

interface Built<V> {
  /** Lowest key below. */
  readonly low: string;
  readonly node: TreeNode<V>;
}
