import type { DoctorFinding, Status } from '../../core/control.ts';
import type { Check } from './check.ts';

const ID = 'resolver';

export function judgeResolver({
  state,
  sandboxes,
  restarts,
  lastError,
}: Status['resolver']): readonly DoctorFinding[] {
  const again = restarts === 0 ? '' : `, started again ${restarts} times`;
  const why = lastError === undefined ? {} : { detail: lastError };
  switch (state) {
    case 'off':
      return [
        {
          id: ID,
          level: 'info',
          title: 'weft answers no names in containers (--resolver off)',
          detail: 'Docker answers those of containers on this host; services have virtual IPs and no names',
        },
      ];
    case 'restarting':
      return [
        {
          id: ID,
          level: 'fail',
          title: 'The resolver process is not there: containers get Docker’s answers only',
          ...why,
          remedy: 'weftd starts it again within seconds; if it stays so, the log of weftd says why',
        },
      ];
    case 'on':
      return [{ id: ID, level: 'ok', title: `The resolver serves ${sandboxes} sandboxes${again}`, ...why }];
  }
}

export const resolver: Check = {
  id: ID,
  subject: 'the resolver',
  run: async ({ parts: { naming } }) => (naming === undefined ? [] : judgeResolver(naming.resolver())),
};
