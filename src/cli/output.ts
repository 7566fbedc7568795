/**
 * What a command prints.
 *
 * O1  A write waits until the stream has taken it: memory does not grow behind a slow reader of a pipe.
 * O2  A reader that has gone (EPIPE) ends the command quietly, as `| head` expects. Any other failure is told: a full disk must not look like an end.
 */
import type { Writable } from 'node:stream';
import { errorCode, HoldfastError } from '../base/index.ts';

/** Whoever read the output has gone (O2). */
export class OutputClosedError extends HoldfastError {
  constructor(cause: unknown) {
    super('OUTPUT_CLOSED', 'Whoever read the output has closed it.', { cause });
  }
}

/** The output cannot be written. */
export class OutputFailedError extends HoldfastError {
  constructor(cause: Error) {
    super(
      'OUTPUT_FAILED',
      `The output could not be written: ${cause.message}. What was printed is not all.`,
      { cause },
    );
  }
}

const CLOSED = new Set(['EPIPE', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END', 'ECONNRESET']);

export class Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    stream.on('error', () => undefined); // each write tells its own failure
  }

  /** O1, O2. @throws OutputClosedError, OutputFailedError */
  write(chunk: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(chunk, (error) => {
        if (!error) resolve();
        else
          reject(
            CLOSED.has(errorCode(error) ?? '') ? new OutputClosedError(error) : new OutputFailedError(error),
          );
      });
    });
  }

  /** One line. @throws as write. */
  line(text: string): Promise<void> {
    return this.write(`${text}\n`);
  }

  /** One line of JSON. @throws as write. */
  json(value: unknown): Promise<void> {
    return this.line(JSON.stringify(value));
  }
}
