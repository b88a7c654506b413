import { Internal } from '../../core/errors.ts';
import type { NftFamily, NftTable } from '../../core/nft.ts';
import type { Step } from '../../core/ports.ts';
import {
  decodeError,
  encodeMessages,
  kernelError,
  type NetlinkNotification,
  type NetlinkRequest,
  NLMSG,
} from '../netlink/index.ts';
import { changeTable } from './change-table.ts';
import { newTable } from './ensure-table.ts';
import { foldSteps } from './fold.ts';
import { batchBegin, batchEnd, NLM_F } from './message.ts';
import { planTransaction, tableKey } from './transaction.ts';

/** A transaction as bytes: the same for every namespace in which our tables are as they were taken to be. */
export interface LaidOut {
  /** Messages between begin and end of the batch; 0: there is nothing to do. */
  readonly size: number;
  readonly messages: readonly NetlinkRequest[];
  /** One text a message. */
  readonly steps: readonly string[];
  /** `messages`, numbered from 1 on. */
  readonly bytes: Uint8Array;
  /** Tables that it makes, changes or deletes, not counting elements. */
  readonly tables: readonly (readonly [NftFamily, string])[];
}

/**
 * Lays out steps of kinds `table` and `element` without asking a kernel.
 * @param installed our tables as they are where it will be sent; any other is taken not to exist, and the transaction
 * fails where it does.
 * @throws {InvalidArgument} when an element does not fit its set.
 */
export async function layOut(steps: readonly Step[], installed: readonly NftTable[]): Promise<LaidOut> {
  const changes = foldSteps(steps);
  const there = new Map(installed.map((table) => [tableKey(table.family, table.name), table]));
  const pieces = await planTransaction(changes, {
    tablePieces: ({ table: wanted }) => {
      if (wanted === undefined) throw new Internal('a table to be made has no content');
      const table = there.get(tableKey(wanted.family, wanted.name));
      return table === undefined ? newTable(wanted) : changeTable(table, wanted);
    },
    setOf: (family, table, set) => there.get(tableKey(family, table))?.sets.find(({ name }) => name === set),
    settled: new Set(),
  });
  const last = pieces.length;
  const messages = [batchBegin(), ...pieces.map(({ message }) => message), batchEnd()].map(
    (message, index) => (index === last ? { ...message, flags: message.flags | NLM_F.ACK } : message),
  );
  return {
    size: pieces.length,
    messages,
    steps: ['begin nft transaction', ...pieces.map(({ step }) => step), 'commit nft transaction'],
    bytes: encodeMessages(messages, 1),
    tables: steps.flatMap(({ object }) =>
      object.kind === 'table' ? [[object.family, object.name] as const] : [],
    ),
  };
}

/**
 * Reads the kernel's answers to `bytes`.
 * @throws {KernelError} for the first message that it refused; nothing took effect then.
 * @throws {Internal} when it has not answered the last one.
 */
export function assertCommitted(laid: LaidOut, answers: readonly NetlinkNotification[]): void {
  let isCommitted = false;
  for (const answer of answers) {
    if (answer.type !== NLMSG.NLMSG_ERROR) continue;
    const acknowledgement = decodeError(answer);
    const index = answer.seq - 1;
    if (acknowledgement.errno !== 0) {
      throw kernelError(acknowledgement, laid.steps[index] ?? `message ${index}`, index);
    }
    isCommitted ||= index === laid.size;
  }
  if (!isCommitted) throw new Internal('nft transaction: the kernel has not answered');
}
