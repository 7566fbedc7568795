/**
 * The body of a fragment while it is made: content flows through the digest and the compressor, and what is held is what will be stored.
 *
 * B1  Held at most: blocks for what is stored, two blocks more, and what a compressor holds.
 * B2  What gains less than MIN_SAVING by compression is stored as it is. That is known only at the end, when the content has passed: it is decompressed
 *     again, each block given back as it is used up. For bytes that nothing compresses that costs little more than copying them.
 * B3  The digest is of the content, and of nothing that was compressed and decompressed again.
 */
import { assert, Breath, Sha1 } from '../../base/index.ts';
import type { Codec } from '../format/codec.ts';
import { compressing, decompressing, type Flow } from '../format/codec-stream.ts';
import { MIN_SAVING } from '../session/options.ts';
import { Blocks, type BlockMemory } from './blocks.ts';

export class FragmentBody {
  readonly contentBytes: number;
  readonly #memory: BlockMemory;
  readonly #sha1 = new Sha1();
  readonly #breath = new Breath();
  /** Content; where it is compressed, the part of it that waits for its block to be full. */
  readonly #content: Blocks;
  readonly #compressed: { readonly codec: Codec; readonly flow: Flow; readonly blocks: Blocks } | undefined;
  #taken = 0;
  #passed = 0;

  /** A body of so much content. */
  constructor(codec: Codec, contentBytes: number, memory: BlockMemory) {
    this.contentBytes = contentBytes;
    this.#memory = memory;
    this.#content = new Blocks(memory);
    if (codec === 'raw') return;
    const blocks = new Blocks(memory);
    const flow = compressing(codec, contentBytes, (piece) => blocks.append(piece));
    this.#compressed = { codec, flow, blocks };
  }

  /** Bytes of content that are still to come. */
  get missing(): number {
    return this.contentBytes - this.#taken;
  }

  /** Takes the next content, at most what is missing; it is used up when that settles. */
  async push(content: Uint8Array): Promise<void> {
    assert(content.length <= this.missing, 'a body has the content that it was made for');
    for (let at = 0; at < content.length;) {
      const took = this.#content.fill(content.subarray(at));
      at += took;
      this.#taken += took;
      if (this.#content.isFull) await this.#pass();
    }
  }

  /** After all content: what is to be stored, and how. */
  async finish(): Promise<StoredBody> {
    assert(this.missing === 0, 'a body has the content that it was made for', { missing: this.missing });
    if (this.#passed < this.#taken) await this.#pass();
    const sha1 = this.#sha1.hex();
    if (!this.#compressed) return new StoredBody('raw', sha1, this.#content);
    const { codec, flow, blocks } = this.#compressed;
    await flow.end();
    if (blocks.bytes <= this.contentBytes * (1 - MIN_SAVING)) return new StoredBody(codec, sha1, blocks);
    return new StoredBody('raw', sha1, await this.#unpacked(codec, blocks)); // B2
  }

  /** Ends it wherever it stands. */
  stop(): void {
    this.#compressed?.flow.stop();
  }

  /** The last block is as full as it gets. */
  async #pass(): Promise<void> {
    const block = this.#content.last;
    this.#passed += block.length;
    this.#sha1.update(block);
    if (this.#compressed) {
      await this.#compressed.flow.push(block);
      this.#content.free();
    }
    await this.#breath.after(block.length);
  }

  async #unpacked(codec: Codec, blocks: Blocks): Promise<Blocks> {
    const content = new Blocks(this.#memory);
    const lengths = { stored: blocks.bytes, content: this.contentBytes };
    for await (const piece of decompressing(codec, blocks.drain(), lengths)) content.append(piece);
    return content;
  }
}

/** What is stored of a fragment. */
export class StoredBody {
  readonly codec: Codec;
  /** Of the content, hex. */
  readonly sha1: string;
  readonly bytes: number;
  readonly #blocks: Blocks;

  constructor(codec: Codec, sha1: string, blocks: Blocks) {
    this.codec = codec;
    this.sha1 = sha1;
    this.bytes = blocks.bytes;
    this.#blocks = blocks;
  }

  get pieces(): readonly Uint8Array[] {
    return this.#blocks.pieces();
  }

  /** Nobody reads it any longer: its memory is used again. */
  free(): void {
    this.#blocks.free();
  }
}
