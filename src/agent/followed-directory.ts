/**
 * The one directory that an application follows, whichever player fills it: a restore that begins anew from other hints looks like files that are unlinked
 * and made again, which a log may do at any time.
 */
import type { DirectoryChange, LiveDirectory } from '../recoverylog/index.ts';

export class FollowedDirectory implements LiveDirectory {
  readonly #listeners = new Set<(change: DirectoryChange) => void>();
  #shown: LiveDirectory | undefined;
  #leave: () => void = () => undefined;

  /** From now on this is what there is; what was there before is unlinked. */
  show(next: LiveDirectory): void {
    this.#leave();
    const before = this.#shown?.paths() ?? [];
    this.#shown = next;
    this.#leave = next.subscribe((change) => this.#tell(change));
    for (const path of before) this.#tell({ path, kind: 'unlink' });
    for (const path of next.paths()) this.#tell({ path, kind: 'link' });
  }

  resolve(path: string): string | undefined {
    return this.#shown?.resolve(path);
  }

  paths(): readonly string[] {
    return this.#shown?.paths() ?? [];
  }

  subscribe(listener: (change: DirectoryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(change: DirectoryChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
