import type { DoctorFinding } from '../../core/control.ts';
import type { Check } from './check.ts';

const ID = 'docker';
const OLDEST = [20, 10] as const;

/** What was heard of the engine. */
export type EngineFacts =
  | { readonly kind: 'none' }
  | { readonly kind: 'silent'; readonly socket: string }
  | { readonly kind: 'answers'; readonly version: string };

export function judgeEngine(facts: EngineFacts): readonly DoctorFinding[] {
  switch (facts.kind) {
    case 'none':
      return [
        {
          id: ID,
          level: 'info',
          title: 'weftd runs without the Docker API (--docker none)',
          detail: 'names are not shown, and what Docker has forgotten is not collected',
        },
      ];
    case 'silent':
      return [
        {
          id: ID,
          level: 'warn',
          title: 'The Docker API does not answer',
          detail: `no answer on ${facts.socket}; until it answers, names are not shown and nothing is collected`,
          remedy: 'systemctl status docker; or say with --docker PATH where its socket is',
        },
      ];
    case 'answers':
      return [judgeVersion(facts.version)];
  }
}

function judgeVersion(version: string): DoctorFinding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  if (!isOld) return { id: ID, level: 'ok', title: `Docker ${version} answers` };
  return {
    id: ID,
    level: 'warn',
    title: `Docker ${version} is older than ${OLDEST.join('.')}, the oldest that weft is tested with`,
    remedy: 'Upgrade Docker',
  };
}

export const dockerEngine: Check = {
  id: ID,
  subject: 'the Docker API',
  run: async ({ parts: { engine, config } }) => {
    if (engine === undefined) return judgeEngine({ kind: 'none' });
    const version = await engine.version();
    return judgeEngine(
      version === undefined ? { kind: 'silent', socket: config.docker } : { kind: 'answers', version },
    );
  },
};
