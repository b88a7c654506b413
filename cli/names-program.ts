import { type Command, Option } from 'commander';
import { JSON_FLAG, type JsonOption, type Run, TRUNC_FLAG } from './command-parts.ts';
import type { DnsQueryOptions } from './commands/dns.ts';
import type { ServiceListOptions, ServicePlace } from './commands/service.ts';
import type { ServiceCreationOptions, ServiceUpdateOptions } from './commands/service-changes.ts';

const NETWORK = '--network <network>';
const WHERE = 'its network; only needed when several have a service of that name';

const CREATE_EXAMPLES = `
Examples:
  weft service create shop --network app --port 80:8080
  weft service create db --network app --port 5432 --select postgres --health tcp:5432
  weft service create api --network app --port 80,443 --affinity client --affinity-timeout 10m
`;
const UPDATE_EXAMPLES = `
An empty value takes a setting away: --port '' (every port), --health '', --weight web-1= (what the container declares).

Examples:
  weft service update shop --weight web-1=0          drain web-1: connections stay, new ones go elsewhere
  weft service update shop --weight web-1=3 --weight web-2=1
  weft service update shop --affinity none
`;
const QUERY_EXAMPLES = `
Asks what weft itself knows: containers, aliases, Compose services, weft services, tasks.NAME, NAME.NETWORK.
Exit 1 when there is no such name or record.

Examples:
  weft dns query shop                      A and AAAA
  weft dns query tasks.shop --network app  all backends
  weft dns query _80._tcp.shop             SRV
  weft dns query 10.64.0.5                 PTR: whose address is this
`;

/** Adds `weft service` and what is below it. */
export function addServices(program: Command, run: Run): void {
  const service = program
    .command('service')
    .helpCommand(false)
    .description('list, make, change and remove services: names with a virtual IP and backends');
  service
    .command('ls')
    .description('list services and how many of their backends are ready')
    .option(NETWORK, 'only those of this network: id, start of an id, or name')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ServiceListOptions) =>
      run(async (session) => (await import('./commands/service.ts')).listServices(session, options)),
    );
  service
    .command('inspect')
    .description('show a service and its backends: state, weight, connections, bytes')
    .argument('<service>', 'name')
    .option(NETWORK, WHERE)
    .option(...JSON_FLAG)
    .action((name: string, options: ServicePlace & JsonOption) =>
      run(async (session) => (await import('./commands/service.ts')).inspectService(session, name, options)),
    );
  addCreation(service, run);
  addUpdate(service, run);
  service
    .command('rm')
    .description('remove a service that was made by hand')
    .argument('<service>', 'name')
    .option(NETWORK, WHERE)
    .option(...JSON_FLAG)
    .action((name: string, options: ServicePlace & JsonOption) =>
      run(async (session) =>
        (await import('./commands/service-changes.ts')).removeService(session, name, options),
      ),
    );
}

function addCreation(service: Command, run: Run): void {
  const create = service
    .command('create')
    .description('make a service; containers can join it by the label weft.service, or by --select')
    .argument('<name>', '1–63 letters, digits, "-" or "_"')
    .requiredOption(NETWORK, 'the network it is on: id, start of an id, or name');
  withSettings(create)
    .option(...JSON_FLAG)
    .addHelpText('after', CREATE_EXAMPLES)
    .action((name: string, options: ServiceCreationOptions) =>
      run(async (session) =>
        (await import('./commands/service-changes.ts')).createService(session, name, options),
      ),
    );
}

function addUpdate(service: Command, run: Run): void {
  const update = service
    .command('update')
    .description('change a service: only what is given; of one that labels declare, weights')
    .argument('<service>', 'name')
    .option(NETWORK, WHERE);
  withSettings(update)
    .option(...JSON_FLAG)
    .addHelpText('after', UPDATE_EXAMPLES)
    .action((name: string, options: ServiceUpdateOptions) =>
      run(async (session) =>
        (await import('./commands/service-changes.ts')).updateService(session, name, options),
      ),
    );
}

/** Values are texts that weftd reads, as it reads labels. */
function withSettings(command: Command): Command {
  return command
    .option('--port <port>', '80, 80:8080, 53/udp; may be repeated (default: every port)', gather)
    .option('--affinity <kind>', 'client: a client keeps its backend; or none')
    .option('--affinity-timeout <time>', 'how long a client is remembered: 30s, 10m, 2h')
    .option('--health <probe>', 'tcp:PORT or http:PORT/PATH, for backends that do not say themselves')
    .option('--select <name>', 'containers with this name, alias or Compose service are backends')
    .option('--weight <container=n>', 'share of new connections, 0–1000; 0 drains; may be repeated', gather);
}

function gather(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

/** Adds `weft dns`. */
export function addDns(program: Command, run: Run): void {
  program
    .command('dns')
    .helpCommand(false)
    .description('ask for names')
    .command('query')
    .description('show what weft answers to a DNS question (exit 1 when there is nothing)')
    .argument('<name>', 'a name, or an address')
    .option(NETWORK, 'only on this network (default: all that this host knows)')
    .addOption(
      new Option('--type <type>', 'which records (default: what fits the name)')
        .choices(['A', 'AAAA', 'PTR', 'SRV'])
        .argParser((text: string) => text.toUpperCase()),
    )
    .option(...JSON_FLAG)
    .addHelpText('after', QUERY_EXAMPLES)
    .action((name: string, options: DnsQueryOptions) =>
      run(async (session) => (await import('./commands/dns.ts')).queryName(session, name, options)),
    );
}
