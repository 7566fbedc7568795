/**
 * The words that both sides share: group, kinds, labels, annotations, ports, exit codes. Values never change once released.
 */

export const GROUP = 'holdfast.dev';
export const VERSION = 'v1alpha1';
export const GROUP_VERSION: string = `${GROUP}/${VERSION}`;

export interface KindNames {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
}

const kind = (name: string, plural: string, shortName: string): KindNames => ({
  group: GROUP,
  version: VERSION,
  kind: name,
  plural,
  singular: name.toLowerCase(),
  shortNames: [shortName],
  namespaced: true,
});

/** The kinds, by what the code calls them; also what a client needs to address them. */
export const KINDS: {
  readonly journalStore: KindNames;
  readonly recoveryLog: KindNames;
  readonly shard: KindNames;
} = {
  journalStore: kind('JournalStore', 'journalstores', 'jstore'),
  recoveryLog: kind('RecoveryLog', 'recoverylogs', 'rlog'),
  shard: kind('Shard', 'shards', 'shard'),
};

export const LABELS = {
  /** Name of the Shard that a pod belongs to. */
  shard: `${GROUP}/shard`,
  /** primary, standby or none; moved by the operator only. */
  role: `${GROUP}/role`,
} as const;

export const ANNOTATIONS = {
  /** On a Shard, by a person: hand over to this pod, or to "any". */
  switchover: `${GROUP}/switchover`,
  /** On a Shard, by a person: take a snapshot now. */
  snapshotNow: `${GROUP}/snapshot-now`,
  /** On a RecoveryLog, by its agents: the hints. */
  hintsPrimary: `${GROUP}/hints-primary`,
  hintsBackup0: `${GROUP}/hints-backup-0`,
  hintsBackup1: `${GROUP}/hints-backup-1`,
} as const;

/** Ports of a shard's pod. */
export const PORTS = { application: 8080, agent: 8081 } as const;

/** How an agent's process ends. */
export const EXIT = {
  /** Stopped on request; the log was released. */
  ok: 0,
  configuration: 10,
  fenced: 20,
  dataLoss: 30,
  localDisk: 40,
  storeRefused: 50,
  internal: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
