import { familyOf, type Ip } from '../../core/address.ts';
import type { FlowFilter, Step } from '../../core/ports.ts';

/**
 * Connections to forget after a repair: those to backends that went while nobody looked, as while weftd was down. Every
 * backend has an element that counts its connections, and that one has been deleted.
 */
export function staleFlows(steps: readonly Step[]): readonly FlowFilter[] {
  return steps.flatMap(({ op, object }): readonly FlowFilter[] => {
    if (op !== 'delete' || object.kind !== 'element' || object.set !== 'connections') return [];
    const [vip, backend] = object.key as readonly Ip[];
    if (vip === undefined || backend === undefined) return [];
    const flow = { family: familyOf(vip), originalDestination: vip, replySource: backend } as const;
    return [
      { ...flow, protocol: 'udp' },
      { ...flow, protocol: 'icmp' },
    ];
  });
}
