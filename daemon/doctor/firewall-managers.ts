import { readFile } from 'node:fs/promises';
import type { DoctorFinding } from '../../core/control.ts';
import { type Check, orOk } from './check.ts';
import { firewalldRemedy } from './forward-chains/remedy.ts';

const ID = 'firewall-manager';
const UFW_CONFIG = '/etc/ufw/ufw.conf';

export interface ManagerFacts {
  /** firewalld has made its nft table. */
  readonly firewalld: boolean;
  /** The text of ufw.conf; undefined: not installed. */
  readonly ufwConfig: string | undefined;
}

export function judgeFirewallManagers({ firewalld, ufwConfig }: ManagerFacts): readonly DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  if (firewalld) {
    findings.push({
      id: ID,
      level: 'info',
      title: 'firewalld is active: weft bridges need a zone',
      detail: 'a bridge without a zone is in the default zone, which forwards nothing between zones',
      remedy: firewalldRemedy(),
    });
  }
  if (/^\s*ENABLED\s*=\s*"?yes"?\s*$/im.test(ufwConfig ?? '')) {
    findings.push({
      id: ID,
      level: 'info',
      title: 'ufw is enabled: its rules do not guard published ports',
      detail: 'published ports are forwarded, and ufw allow and deny are about ports of the host itself',
      remedy:
        'Publish on 127.0.0.1 (-p 127.0.0.1:8080:80) what others must not reach, or filter in DOCKER-USER',
    });
  }
  return orOk(findings, ID, 'Neither firewalld nor ufw is active');
}

export const firewallManagers: Check = {
  id: ID,
  subject: 'firewalld and ufw',
  run: async (host) =>
    judgeFirewallManagers({
      firewalld: (await host.forwardTables()).some(({ name }) => name === 'firewalld'),
      ufwConfig: await readIfThere(UFW_CONFIG),
    }),
};

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
