import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { count, listed } from './wording.ts';

const ID = 'docker-records';
/** Docker shows a network or an endpoint only some time after weft has made it. */
const YOUNG_MS = 10_000;

/** A network or an endpoint on one of the two sides. */
interface RecordFacts {
  readonly id: string;
  readonly label: string;
}

export interface RecordsCompared {
  /** Stored by weft, unknown to Docker. */
  readonly forgottenNetworks: readonly RecordFacts[];
  readonly forgottenEndpoints: readonly RecordFacts[];
  /** Known to Docker under a driver of weft's, unknown to weft. */
  readonly unknownNetworks: readonly (RecordFacts & { readonly driver: string })[];
  /** Milliseconds. */
  readonly graceMs: number;
}

export function judgeRecords(compared: RecordsCompared): readonly DoctorFinding[] {
  const { forgottenNetworks, forgottenEndpoints, unknownNetworks, graceMs } = compared;
  const findings = unknownNetworks.map(
    ({ label, id, driver }): DoctorFinding => ({
      id: ID,
      level: 'fail',
      title: `Docker has the network ${label} (${driver}), which weft does not know: no container can join it`,
      detail: `id ${id}; its record is missing in the store of weft`,
      remedy: `docker network rm ${label} and create it again, or stop weftd and restore its state directory`,
    }),
  );
  const forgotten = (records: readonly RecordFacts[], noun: string): void => {
    if (records.length === 0) return;
    findings.push({
      id: ID,
      level: 'info',
      title: `Docker does not know ${count(records.length, noun)} of weft`,
      detail: `${listed(records.map(({ label }) => label))}; deleted when Docker has not known them for ${graceMs / 1000} s`,
    });
  };
  forgotten(forgottenNetworks, 'network');
  forgotten(forgottenEndpoints, 'endpoint');
  return orOk(findings, ID, 'Docker and weft know the same networks and endpoints');
}

export const records: Check = {
  id: ID,
  subject: 'what Docker and weft know of each other',
  run: async (host) => {
    const { repository, config } = host.parts;
    // Weft first: it stores before Docker hears of it, so what Docker lists afterwards is not merely new.
    const known = [...repository.networks()];
    const endpoints = [...repository.endpoints()];
    const listedByDocker = await host.engineNetworks();
    if (listedByDocker === undefined) return [];
    const stored = new Set<string>([...known, ...repository.networks()].map(({ request }) => request.id));
    const dockerNetworks = new Set(listedByDocker.map(({ id }) => id));
    const dockerEndpoints = new Set(listedByDocker.flatMap((each) => each.endpoints.map(({ id }) => id)));
    const settledBefore = Date.now() - YOUNG_MS;
    const settled = (each: { readonly createdAt: number }): boolean => each.createdAt < settledBefore;
    const short = ({ request: { id } }: { readonly request: { readonly id: string } }): RecordFacts => ({
      id,
      label: id.slice(0, 12),
    });
    return judgeRecords({
      forgottenNetworks: known
        .filter(
          (each) =>
            settled(each) && !dockerNetworks.has(each.request.id) && !repository.inFlight(each.request.id),
        )
        .map(short),
      forgottenEndpoints: endpoints
        .filter(
          (each) =>
            settled(each) && !dockerEndpoints.has(each.request.id) && !repository.inFlight(each.request.id),
        )
        .map(short),
      unknownNetworks: listedByDocker
        .filter(({ id, driver }) => driver.startsWith('weft-') && !stored.has(id))
        .map(({ id, name, driver }) => ({ id, label: name, driver })),
      graceMs: config.gcGraceMs,
    });
  },
};
