import { type Host, until } from '../../lab/index.ts';

/** What is on the host once the links that a case before has left to be deleted are gone. */
export function withoutLinks(host: Host, links: RegExp): Promise<readonly string[]> {
  return until(`links like ${links} are deleted`, async () => {
    const now = await host.leaks();
    return now.some((thing) => links.test(thing)) ? undefined : now;
  });
}
