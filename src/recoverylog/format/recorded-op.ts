/**
 * What one operation of a recovery log is, and where it lies (gazette.md §1.1).
 */
export interface PathOp {
  readonly fnode: number;
  readonly path: string;
}

export interface WriteOp {
  readonly fnode: number;
  readonly offset: number;
  readonly length: number;
}

export interface PropertyOp {
  readonly path: string;
  readonly content: string;
}

export interface RecordedOp {
  readonly seqNo: number;
  /** Checksum of everything before this op. */
  readonly checksum: number;
  readonly author: number;
  readonly create?: { readonly path: string } | undefined;
  readonly link?: PathOp | undefined;
  readonly unlink?: PathOp | undefined;
  readonly write?: WriteOp | undefined;
  readonly property?: PropertyOp | undefined;
}

/** Where an op lies in its journal; added by whoever reads or writes it. */
export interface OpPlace {
  /** Offset of the first byte of its frame. */
  readonly firstOffset: number;
  /** Offset after its frame and its data. */
  readonly lastOffset: number;
  readonly log: string;
}
