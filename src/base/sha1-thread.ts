/**
 * SHA-1 of data that comes piece by piece, on a thread beside the caller's: for whoever receives hundreds of MiB a second on his own.
 *
 * 1. A piece's memory moves to the thread and back: nothing is copied, and nobody can read it meanwhile. A piece that is only a part of its memory is
 *    copied first, because the rest of it is somebody else's.
 * 2. The thread is shared by all digests of the process, does them in the order of the calls, and ends when it has had nothing to do for IDLE_MS.
 * 3. What the thread was given is lost when it dies: everything that waits for it fails.
 */
import { Worker } from 'node:worker_threads';
import { HoldfastError } from './errors.ts';

/** Starting a thread takes 30 ms and holds 5 MiB. */
const IDLE_MS = 5000;

/** One digest after another under its number, until its end is asked for. As text, because what is built has other file names than the source. */
const PROGRAM = `
  const { parentPort } = require('node:worker_threads');
  const { createHash } = require('node:crypto');
  const digests = new Map();
  parentPort.on('message', ({ id, memory }) => {
    const digest = digests.get(id) ?? createHash('sha1');
    digests.set(id, digest);
    if (memory) {
      digest.update(new Uint8Array(memory));
      parentPort.postMessage({ memory }, [memory]);
    } else {
      digests.delete(id);
      parentPort.postMessage({ hex: digest.digest('hex') });
    }
  });
`;

interface Answer {
  readonly memory?: ArrayBuffer;
  readonly hex?: string;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

class DigestThread {
  readonly #worker = new Worker(PROGRAM, { eval: true });
  /** Answers come in the order of the questions. */
  readonly #waiting: Waiting[] = [];
  #idle: NodeJS.Timeout | undefined;
  #dead: Error | undefined;

  constructor() {
    this.#worker.on('message', (answer: Answer) => {
      this.#waiting.shift()!.resolve(answer);
      if (this.#waiting.length === 0) this.#rest();
    });
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', (code) => this.#die(new Error(`it ended with code ${code}`)));
    this.#rest();
  }

  ask(id: number, memory: ArrayBuffer | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return reject(this.#dead);
      if (this.#waiting.length === 0) {
        clearTimeout(this.#idle);
        this.#worker.ref(); // whoever waits for a digest keeps the process alive
      }
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage({ id, memory }, memory ? [memory] : []);
    });
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      this.#die(new Error('it had nothing to do'));
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  /** 3 */
  #die(cause: Error): void {
    if (shared === this) shared = undefined;
    clearTimeout(this.#idle);
    this.#dead ??= new HoldfastError(
      'DIGEST_THREAD_FAILED',
      'The thread that checks digests has ended; what it was checking has to be read again.',
      { cause },
    );
    for (const { reject } of this.#waiting.splice(0)) reject(this.#dead);
  }
}

/** 2 */
let shared: DigestThread | undefined;
let lastId = 0;

export class ThreadSha1 {
  readonly #id = ++lastId;
  readonly #thread = (shared ??= new DigestThread());

  /**
   * Adds a piece; the order of the calls counts. Resolves with the same bytes, wherever they are then (1). An abandoned digest costs the thread its
   * state, some hundred bytes, until it ends. @throws HoldfastError DIGEST_THREAD_FAILED
   */
  async update(piece: Uint8Array): Promise<Uint8Array> {
    const whole = piece.length === piece.buffer.byteLength;
    const memory = whole ? (piece.buffer as ArrayBuffer) : new Uint8Array(piece).buffer;
    return new Uint8Array((await this.#thread.ask(this.#id, memory)).memory!);
  }

  /** The digest in lower-case hex; nothing can be added after it. @throws HoldfastError DIGEST_THREAD_FAILED */
  async hex(): Promise<string> {
    return (await this.#thread.ask(this.#id, undefined)).hex!;
  }
}
