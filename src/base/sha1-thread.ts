/**
 * SHA-1 of data that comes piece by piece, on a thread beside the caller's: for whoever receives hundreds of MiB a second on his own.
 *
 * 1. Large pieces lie in memory that threads share: nothing is copied or moved (moving would make V8 mark its heap again and again), and they must not
 *    change until the digest is there.
 * 2. Threads are shared by all digests of the process, MOST_THREADS of them: a digest is on the one that has the least to do. Each does them in the order of
 *    the calls, and ends when there was none for IDLE_MS.
 * 3. What a thread was given is lost when it dies: everything that waits for it fails.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HoldfastError } from './errors.ts';

/** Starting a thread takes 30 ms and holds 5 MiB. */
const IDLE_MS = 5000;
/** One digests as fast as one receives from a server; two as fast as a disk gives. */
const MOST_THREADS: number = Math.min(2, availableParallelism());

/** One digest after another under its number, until its end is asked for. As text, because what is built has other file names than the source. */
const PROGRAM = `
  const { parentPort } = require('node:worker_threads');
  const { createHash } = require('node:crypto');
  const digests = new Map();
  parentPort.on('message', ({ id, piece, end }) => {
    const digest = digests.get(id) ?? createHash('sha1');
    if (piece) digests.set(id, digest.update(piece));
    else digests.delete(id);
    if (end) parentPort.postMessage(digest.digest('hex'));
  });
`;

/** What the thread is told of a digest: one more piece, its end, or with neither that nobody wants it. */
interface Told {
  readonly id: number;
  readonly piece?: Uint8Array;
  readonly end?: true;
}

interface Waiting {
  readonly resolve: (hex: string) => void;
  readonly reject: (error: Error) => void;
}

class DigestThread {
  readonly #worker = new Worker(PROGRAM, { eval: true });
  /** Digests that were begun, and of which neither end was reached. */
  readonly #open = new Set<number>();
  /** Answers come in the order of the questions. */
  readonly #waiting: Waiting[] = [];
  #isUp = false;
  #idle: NodeJS.Timeout | undefined;
  #dead: Error | undefined;

  constructor() {
    this.#worker.once('online', () => (this.#isUp = true));
    this.#worker.on('message', (hex: string) => {
      this.#waiting.shift()!.resolve(hex);
      if (this.#waiting.length === 0) this.#worker.unref();
      this.#restIfIdle();
    });
    this.#worker.on('error', (error) => this.#die(error));
    this.#worker.on('exit', (code) => this.#die(new Error(`it ended with code ${code}`)));
    this.#worker.unref();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Digests that it has. */
  get load(): number {
    return this.#open.size + this.#waiting.length;
  }

  tell(told: Told): void {
    clearTimeout(this.#idle);
    if (told.piece) this.#open.add(told.id);
    else this.#open.delete(told.id);
    if (!this.#dead) this.#worker.postMessage(told);
    this.#restIfIdle();
  }

  end(id: number): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#dead) return reject(this.#dead);
      this.#worker.ref(); // whoever waits for a digest keeps the process alive
      this.#waiting.push({ resolve, reject });
      this.tell({ id, end: true });
    });
  }

  #restIfIdle(): void {
    if (this.#open.size > 0 || this.#waiting.length > 0 || this.#dead) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      this.#die(new Error('it had nothing to do'));
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  /** 3 */
  #die(cause: Error): void {
    threads.delete(this);
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
const threads = new Set<DigestThread>();
let lastId = 0;

function leastBusy(): DigestThread {
  const [first, ...others] = threads;
  const least = first && others.reduce((best, each) => (each.load < best.load ? each : best), first);
  if (least && (least.load === 0 || threads.size === MOST_THREADS)) return least;
  const made = new DigestThread();
  threads.add(made);
  return made;
}

/** Whether the thread that would get the next digest is up. When it is not it is being started, and a short digest is done sooner without it. */
export function digestThreadIsUp(): boolean {
  return leastBusy().isUp;
}

/** Whether bytes lie in memory that threads share. */
export function areShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}

/** One digest. Either `hex` or `abandon` ends it. */
export class ThreadSha1 {
  readonly #id = ++lastId;
  /** Chosen with the first thing it is told: one that has nothing to do may end before. */
  #chosen: DigestThread | undefined;

  get #thread(): DigestThread {
    return (this.#chosen ??= leastBusy());
  }

  /** Adds a piece; the order of the calls counts (1). One in memory of this thread alone is copied. */
  update(piece: Uint8Array): void {
    this.#thread.tell({ id: this.#id, piece: areShared(piece) ? piece : piece.slice() });
  }

  /** The digest in lower-case hex; nothing can be added after it. @throws HoldfastError DIGEST_THREAD_FAILED */
  hex(): Promise<string> {
    return this.#thread.end(this.#id);
  }

  /** Nobody wants the digest any more. */
  abandon(): void {
    this.#chosen?.tell({ id: this.#id });
  }
}
