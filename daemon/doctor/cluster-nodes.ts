import type { DoctorFinding, NodeView } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { count } from './wording.ts';

const ID = 'cluster-nodes';

/** A host of the cluster, and whether its underlay address answered just now. */
export type NodeFacts = Pick<NodeView, 'name' | 'self' | 'address' | 'state' | 'reason'> & {
  readonly answers: boolean;
};

export function judgeNodes(nodes: readonly NodeFacts[]): readonly DoctorFinding[] {
  const findings = nodes.flatMap((node) => (node.self ? judgeSelf(node) : judgeOther(node)));
  return orOk(
    findings,
    ID,
    nodes.length < 2 ? 'This host is its cluster' : `${count(nodes.length, 'node')}, and all answer`,
  );
}

function judgeSelf({ name, state, reason }: NodeFacts): readonly DoctorFinding[] {
  if (state === 'fenced') {
    return [
      {
        id: ID,
        level: 'fail',
        title: `This host takes no part in the cluster as ${name}`,
        ...(reason === undefined ? {} : { detail: reason }),
        remedy:
          'Do as the reason says. Until then nothing of this host is told to others, and nothing can join an overlay network',
      },
    ];
  }
  if (state === 'ready') return [];
  return [
    {
      id: ID,
      level: 'warn',
      title: `This host holds no lease as ${name}: others may take it for dead`,
      remedy: 'It is taken again by itself once etcd answers; the log of weftd says what is in the way',
    },
  ];
}

function judgeOther({ name, address, state, answers }: NodeFacts): readonly DoctorFinding[] {
  if (state === 'dead') {
    return [
      {
        id: ID,
        level: 'warn',
        title: `Node ${name} is dead: it has no lease, and ${address} does not answer`,
        remedy: `Bring it back, or weft node rm ${name} if it is gone for good, which frees its addresses`,
      },
    ];
  }
  if (state === 'no-lease') {
    return [
      {
        id: ID,
        level: 'warn',
        title: `The weftd of node ${name} does not hold its lease`,
        detail: answers
          ? `${address} answers: its containers are left as they are`
          : `${address} does not answer`,
        remedy: `On ${name}: weft status`,
      },
    ];
  }
  if (answers) return [];
  return [
    {
      id: ID,
      level: 'warn',
      title: `Node ${name} lives, and its underlay address ${address} does not answer from here`,
      detail:
        'a TCP connection attempt was neither refused nor accepted: no way there, or a firewall that drops silently',
      remedy: `ping ${address}; tunnels need UDP between the hosts, on the port of --vxlan-port`,
    },
  ];
}

export const clusterNodes: Check = {
  id: ID,
  subject: 'the nodes of the cluster',
  run: async ({ parts: { hosts } }) => {
    if (hosts === undefined) return [];
    const facts = hosts.nodes().map(async (node) => ({
      ...node,
      answers: node.self || (await hosts.answers(node)),
    }));
    return judgeNodes(await Promise.all(facts));
  },
};
