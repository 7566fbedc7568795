/**
 * One replica of a service as its agent would run it, with every part real but the object store, which is in memory: player, journal session, recorder,
 * state machine, HTTP. Tests start several over one log and move the primary's role between them.
 */
import { createMetrics, silentLogger, systemRandom } from '../../base/index.ts';
import type { Session } from '../../journal/index.ts';
import { Player } from '../../recoverylog/index.ts';
import type { PlainLog } from '../../recoverylog/testing/index.ts';
import type { ServiceApplication } from '../application.ts';

let authors = 7000;

export class ServiceProcess<Query, Answer> {
  readonly application: ServiceApplication<Query, Answer>;
  readonly url: URL;
  readonly #player: Player;
  readonly #stop: AbortController;
  #session: Session | undefined;

  private constructor(
    application: ServiceApplication<Query, Answer>,
    url: URL,
    player: Player,
    stop: AbortController,
  ) {
    this.application = application;
    this.url = url;
    this.#player = player;
    this.#stop = stop;
  }

  /** Starts as a standby; resolves when it has played the log to its end. */
  static async start<Query, Answer>(
    log: PlainLog,
    dir: string,
    application: ServiceApplication<Query, Answer>,
  ): Promise<ServiceProcess<Query, Answer>> {
    const { journal, clock, random } = log;
    const player = new Player({ journal, hints: undefined, expectHistory: false, dir, clock, random });
    const { port } = await application.start({
      host: '127.0.0.1',
      port: 0,
      log: silentLogger,
      metrics: createMetrics(),
      clock,
      random: systemRandom,
      lag: () => {
        const { appliedOffset, headOffset, phase } = player.progress;
        return phase === 'restoring' ? undefined : { bytes: headOffset - appliedOffset, sinceMs: 0 };
      },
    });
    const stop = new AbortController();
    const running = player.run(stop.signal);
    running.catch(() => undefined); // an abort; whatever else it is shows in `tailing` never coming
    await application.follow(player.live);
    await Promise.race([player.tailing, running]);
    return new ServiceProcess(application, new URL(`http://127.0.0.1:${port}`), player, stop);
  }

  /** Fences the log and serves. */
  async promote(term: number): Promise<void> {
    const session = { flushIntervalMs: 5 };
    const { session: owned, fs } = await this.#player.handoff({ author: authors++, term, session });
    this.#session = owned;
    await this.application.open({
      fs,
      live: this.#player.live,
      term,
      readIndex: () => owned.readIndex(),
      ended: owned.ended,
    });
  }

  /** The process dies: nothing more of it reaches the log, and it answers nobody. */
  async kill(): Promise<void> {
    this.#session?.abandon('killed');
    await this.close();
  }

  /** Digest of the machine alone, whoever has applied it in whatever term. */
  async machineHash(): Promise<string> {
    const [, , machine] = (await this.application.stateHash()).split('/');
    return machine!;
  }

  /** A clean release: finishes what is under way and gives the session up. */
  async release(): Promise<void> {
    await this.application.drain();
    await this.#session?.close();
  }

  async close(): Promise<void> {
    await this.application.close();
    this.#stop.abort(new Error('the test is over'));
    this.#session?.abandon('the test is over');
    await this.#session?.ended;
  }
}
