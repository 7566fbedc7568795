/**
 * The configuration of a single-host Ceph in memory, as text: a pure function of ports and places.
 */
export interface CephLayout {
  readonly fsid: string;
  /** Everything lives below it. */
  readonly directory: string;
  readonly monPort: number;
  readonly s3Port: number;
  /** Of Ceph's loadable parts, when not where the programs look by themselves. */
  readonly libraries: string | undefined;
}

/** Bytes that the store may hold. Memory is taken only for what is stored. */
const DEVICE = '4G';

/** The text of ceph.conf. */
export function cephConfig({ fsid, directory, monPort, s3Port, libraries }: CephLayout): string {
  const sections: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>> = {
    global: {
      fsid,
      'mon host': `v2:127.0.0.1:${monPort}`,
      'public addr': '127.0.0.1',
      'cluster addr': '127.0.0.1',
      'ms bind ipv6': false,
      keyring: `${directory}/keyring`,
      'run dir': directory,
      'crash dir': directory,
      'admin socket': '',
      'log file': '', // to stderr, which the harness keeps
      'log to stderr': true,
      'mon cluster log file': '',
      'auth cluster required': 'cephx',
      'auth service required': 'cephx',
      'auth client required': 'cephx',
      // one disk, one copy, few placement groups: it is about the protocol, not about Ceph's redundancy
      'osd pool default size': 1,
      'osd pool default min size': 1,
      'mon allow pool size one': true,
      'osd pool default pg num': 1,
      'osd pool default pgp num': 1,
      'osd pool default pg autoscale mode': 'off',
      'mon max pg per osd': 1000,
      // a map with one OSD is made beforehand; nobody has to test or change it
      'mon osd crush smoke test': false,
      'osd crush update on start': false,
      // one monitor agrees with itself at once; the default second per decision is most of the start otherwise
      'paxos propose interval': 0.05,
      'paxos min wait': 0.01,
      ...(libraries === undefined
        ? {}
        : {
            'osd class dir': `${libraries}/rados-classes`,
            'erasure code dir': `${libraries}/ceph/erasure-code`,
            'plugin dir': `${libraries}/ceph`,
          }),
    },
    mon: { 'mon data': `${directory}/mon`, 'mon data avail crit': 0 },
    osd: {
      'osd data': `${directory}/osd`,
      'osd objectstore': 'memstore',
      'memstore device bytes': DEVICE,
    },
    client: {
      'rgw frontends': `beast endpoint=127.0.0.1:${s3Port}`,
      'rgw data': `${directory}/rgw`,
      'rgw gc max objs': 4,
      'rgw lc max objs': 4,
      'rgw data log num shards': 2,
      'rgw md log max shards': 2,
    },
  };
  return Object.entries(sections)
    .map(([name, settings]) =>
      [`[${name}]`, ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`), ''].join('\n'),
    )
    .join('\n');
}
