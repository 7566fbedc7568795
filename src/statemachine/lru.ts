/**
 * lru: a map in order of use. Every step takes the same time however large it is: a Map alone would search for its oldest entry behind all that were
 * deleted before it.
 */
interface Node<K, V> {
  readonly key: K;
  value: V;
  older: Node<K, V> | undefined;
  newer: Node<K, V> | undefined;
}

export class Lru<K, V> {
  readonly #nodes = new Map<K, Node<K, V>>();
  #oldest: Node<K, V> | undefined;
  #newest: Node<K, V> | undefined;

  get size(): number {
    return this.#nodes.size;
  }

  has(key: K): boolean {
    return this.#nodes.has(key);
  }

  /** Looks, which is no use. */
  peek(key: K): V | undefined {
    return this.#nodes.get(key)?.value;
  }

  /** The value, used last from now on. */
  use(key: K): V | undefined {
    const node = this.#nodes.get(key);
    if (!node) return undefined;
    if (node !== this.#newest) {
      this.#unlink(node);
      this.#append(node);
    }
    return node.value;
  }

  /** Adds or replaces; used last from now on. */
  set(key: K, value: V): void {
    this.delete(key);
    const node: Node<K, V> = { key, value, older: undefined, newer: undefined };
    this.#nodes.set(key, node);
    this.#append(node);
  }

  delete(key: K): void {
    const node = this.#nodes.get(key);
    if (!node) return;
    this.#nodes.delete(key);
    this.#unlink(node);
  }

  /** What was not used for the longest time. */
  oldest(): readonly [K, V] | undefined {
    return this.#oldest && [this.#oldest.key, this.#oldest.value];
  }

  /** In order of use, least recent first. */
  *[Symbol.iterator](): Generator<readonly [K, V]> {
    for (let node = this.#oldest; node; node = node.newer) yield [node.key, node.value];
  }

  #append(node: Node<K, V>): void {
    node.older = this.#newest;
    node.newer = undefined;
    if (this.#newest) this.#newest.newer = node;
    else this.#oldest = node;
    this.#newest = node;
  }

  #unlink(node: Node<K, V>): void {
    if (node.older) node.older.newer = node.newer;
    else this.#oldest = node.newer;
    if (node.newer) node.newer.older = node.older;
    else this.#newest = node.older;
  }
}
