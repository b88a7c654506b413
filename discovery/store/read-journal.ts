import { readFile } from 'node:fs/promises';
import { DecodeError } from '../../core/errors.ts';
import { decodeChange, type FactChange } from '../feed/index.ts';

/** The first line: other versions write other ones. */
export const JOURNAL_HEADER = JSON.stringify({ weft: 'names', version: 1 });

/**
 * The changes in a journal, in order; none when there is no journal. What stands after the last line end is what a
 * crash left of a line, and is passed over.
 * @throws {DecodeError} when any whole line is not what weft writes.
 */
export async function readJournal(path: string): Promise<readonly FactChange[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  const [header, ...lines] = text.split('\n').slice(0, -1);
  if (header === undefined) return [];
  if (header !== JOURNAL_HEADER) throw new DecodeError(`read ${path}: it is no journal of names`, { path });
  return lines.map((line, index) => decodeLine(line, `${path} line ${index + 2}`));
}

function decodeLine(line: string, where: string): FactChange {
  let change: unknown;
  try {
    change = JSON.parse(line);
  } catch (cause) {
    throw new DecodeError(`read ${where}: it is not JSON`, {}, { cause });
  }
  return decodeChange(change);
}
