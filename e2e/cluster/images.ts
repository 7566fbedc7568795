/**
 * What an image reference means on a process node: programs of this machine in place of a file system.
 *
 * 1. A command that the pod names replaces the entrypoint, as in any runtime; its first word may be one of the image's own programs (`bins`),
 *    otherwise it is looked up on the image's PATH. Its other words may be files of the image (`files`).
 */
import { dirname } from 'node:path';

/** An image of this machine. */
export interface ProcessImage {
  /** What runs when the pod names no command. */
  readonly entrypoint: readonly string[];
  /** Arguments when the pod names neither command nor args. */
  readonly cmd?: readonly string[];
  /** Programs that a command may call by name. */
  readonly bins?: Readonly<Record<string, readonly string[]>>;
  /** Files of the image that a command may name, and where they are on this machine. */
  readonly files?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
}

export type ImageMap = Readonly<Record<string, ProcessImage>>;

/** Node of this process first, so that a pod's `node` is the tested one. */
export const IMAGE_PATH: string = `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The full command line of a container, before anything is expanded in it. */
export function commandLine(
  image: ProcessImage,
  command: readonly string[] | undefined,
  args: readonly string[] | undefined,
): string[] {
  if (command === undefined || command.length === 0)
    return [...image.entrypoint, ...(args ?? image.cmd ?? [])];
  return [...resolveBin(image, command), ...(args ?? [])];
}

/** A command with its first word replaced when that is a program of the image, and others when they are files of it. */
export function resolveBin(image: ProcessImage, command: readonly string[]): string[] {
  const [first, ...rest] = command;
  if (first === undefined) return [];
  return [...(image.bins?.[first] ?? [first]), ...rest.map((word) => image.files?.[word] ?? word)];
}
