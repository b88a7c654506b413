import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import type { ServiceFacts } from './host-view.ts';
import { count, listed } from './wording.ts';

const ID = 'services';

/** @param problems what is wrong with declarations, names and virtual IPs, one sentence each. */
export function judgeServices(
  services: readonly ServiceFacts[],
  problems: readonly string[],
): readonly DoctorFinding[] {
  if (services.length === 0 && problems.length === 0) return [];
  const wrong = problems.map(
    (problem): DoctorFinding => ({
      id: ID,
      level: 'warn',
      title: `What containers say of names and services: ${problem}`,
      remedy: 'Give the containers of a service the same labels weft.service…, with values that weft takes',
    }),
  );
  const idle = services.flatMap((service): readonly DoctorFinding[] => {
    if (service.unused || service.backends.some(({ takesConnections }) => takesConnections)) return [];
    const states = service.backends.map(({ name, state }) => `${name} ${state}`);
    return [
      {
        id: ID,
        level: 'warn',
        title: `Service ${service.name} on network ${service.network} has no ready backend: connections are refused`,
        detail: states.length === 0 ? 'it has none at all' : listed(states),
        remedy: `weft service inspect ${service.name}; docker logs of its containers`,
      },
    ];
  });
  const title = 'Every service has a backend that takes connections';
  return orOk([...wrong, ...idle], ID, title, count(services.length, 'service'));
}

export const services: Check = {
  id: ID,
  subject: 'services',
  run: async ({ parts: { naming } }) =>
    naming === undefined ? [] : judgeServices(naming.services(), naming.problems()),
};
