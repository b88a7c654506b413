/** A file for {@link cpioArchive}; what ends with `/` is a folder. */
export interface CpioEntry {
  readonly path: string;
  /** Permission bits; 0o644 if absent, 0o755 for a folder. */
  readonly mode?: number;
  readonly content?: string | Uint8Array;
}

const REGULAR = 0o100000;
const FOLDER = 0o040000;

/**
 * An archive that the kernel unpacks as its initramfs: cpio in the "newc" format, everything owned by root.
 * Folders must come before what is in them.
 * Source: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.
 */
export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, at) => member(at + 1, entry));
  return Buffer.concat([...parts, ...record(0, 'TRAILER!!!', 0, Buffer.alloc(0))]);
}

function member(inode: number, { path, mode, content = '' }: CpioEntry): readonly Buffer[] {
  const isFolder = path.endsWith('/');
  const bits = isFolder ? FOLDER | (mode ?? 0o755) : REGULAR | (mode ?? 0o644);
  return record(inode, isFolder ? path.slice(0, -1) : path, bits, Buffer.from(content));
}

function record(inode: number, name: string, mode: number, content: Buffer): readonly Buffer[] {
  const nameSize = Buffer.byteLength(name) + 1;
  // c_ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameSize, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
  return [padded(Buffer.from(header)), padded(content)];
}

/** To a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
