import { Internal } from '../../core/errors.ts';
import type { ElementObject } from '../../core/kernel-objects.ts';
import type { NftSet, NftTable } from '../../core/nft.ts';
import {
  decodeError,
  encodeMessages,
  kernelError,
  type NetlinkNotification,
  NLMSG,
} from '../netlink/index.ts';
import { encodeElement, getOneElement } from './element.ts';
import { decodeNftMessage } from './message.ts';
import { decodeTallies, type Tally } from './tally.ts';

/** A question for the counters of certain elements as bytes: the same for every namespace that has such tables. */
export interface TallyQuery {
  readonly bytes: Uint8Array;
  /** By message. */
  readonly sets: readonly NftSet[];
}

/** What one element has counted. */
export interface ElementTally extends Tally {
  readonly set: string;
}

/**
 * Lays out a question.
 * @param elements of sets of `tables` that count.
 * @throws {Internal} for an element of any other set.
 */
export function layOutTallies(elements: readonly ElementObject[], tables: readonly NftTable[]): TallyQuery {
  const sets = elements.map((element) => setOf(element, tables));
  const messages = elements.map((element, at) =>
    getOneElement(element, encodeElement(sets[at] ?? setOf(element, tables), { key: element.key })),
  );
  return { bytes: encodeMessages(messages, 1), sets };
}

function setOf({ family, table, set }: ElementObject, tables: readonly NftTable[]): NftSet {
  const found = tables
    .find((each) => each.family === family && each.name === table)
    ?.sets.find(({ name }) => name === set);
  if (!found?.counter) throw new Internal(`table ${family} ${table} has no set ${set} that counts`);
  return found;
}

/**
 * Reads the kernel's answers; elements that are not there are left out.
 * @throws {KernelError} when the kernel refuses for another reason.
 * @throws {DecodeError} when an element has no counter.
 */
export function readTallyAnswers(
  { sets }: TallyQuery,
  answers: readonly NetlinkNotification[],
): readonly ElementTally[] {
  return answers.flatMap((answer) => {
    const set = sets[answer.seq - 1];
    if (answer.type === NLMSG.NLMSG_ERROR) {
      const error = kernelError(decodeError(answer), 'read counter');
      if (error.errno !== 'ENOENT') throw error;
      return [];
    }
    if (set === undefined) return [];
    const tallies = decodeTallies(set, decodeNftMessage(answer).attributes);
    return tallies.map((tally) => ({ ...tally, set: set.name }));
  });
}
