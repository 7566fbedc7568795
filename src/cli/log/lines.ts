/**
 * Many short lines to an output: gathered, so that each does not wait for the one before it.
 */
import type { Output } from '../output.ts';

/** Gathered before they are written, characters: a pipe's buffer. */
const GATHERED = 65_536;

export class Lines {
  readonly #out: Output;
  #text = '';

  constructor(out: Output) {
    this.#out = out;
  }

  /** One line; waits when enough are gathered. @throws as Output.write */
  async add(line: string): Promise<void> {
    this.#text += `${line}\n`;
    if (this.#text.length >= GATHERED) await this.flush();
  }

  /** Writes what is left. @throws as Output.write */
  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text !== '') await this.#out.write(text);
  }
}
