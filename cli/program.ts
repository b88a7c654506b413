import { Argument, Command } from 'commander';
import { JSON_FLAG, type JsonOption, type Run, TRUNC_FLAG } from './command-parts.ts';
import type { EndpointListOptions } from './commands/endpoint.ts';
import type { EventsOptions } from './commands/events.ts';
import type { NodeRemovalOptions } from './commands/node.ts';
import { EXIT, type ExitCode, Failure } from './failure.ts';
import { addDns, addServices } from './names-program.ts';
import type { ListOptions } from './session.ts';
import type { ConnectionOptions } from './socket-path.ts';

/** Tells the process's exit code; called at most once, when a command has run. */
export type Report = (code: ExitCode) => void;
const EXAMPLES = `
Examples:
  weft status                        is weftd ready, and what does it hold
  weft network inspect web           one network, by name, id or the start of its id
  weft endpoint ls --network web     the containers of a network
  weft service inspect shop          a virtual IP, its backends and what they got
  weft service update shop --weight web-1=0
  weft dns query shop                what containers are told of a name
  weft port ls --json | jq '.[]'     published ports, for a program
  weft events --since 1h             what happened, and what happens
  weft explain web db:5432           the way of a packet, and where it ends
  weft doctor                        what is wrong with this host, and what to do

Environment:
  WEFT_SOCKET    control socket of weftd, as --socket
  WEFT_RUN_DIR   directory of control.sock, as --run-dir
  NO_COLOR       no colours

Exit status: 0 fine, 1 the thing failed, 2 wrong usage, 3 weftd is not reachable.
`;

/** The command tree of `weft`. Parsing it runs a command; errors are thrown, nothing exits. */
export function buildProgram(version: string, report: Report): Command {
  const program = new Command('weft')
    .description(
      'See what weftd does: networks, endpoints, addresses, names and ports of this host, and the hosts it shares networks with.',
    )
    .version(version, '-V, --version', 'show the version of weft')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--socket <path>', 'control socket of weftd (default: /run/weft/control.sock)')
    .option('--run-dir <path>', 'directory of control.sock, as weftd --run-dir')
    .addHelpText('after', EXAMPLES)
    .showSuggestionAfterError()
    .exitOverride();
  const run: Run = async (work) => {
    const { openSession } = await import('./session.ts');
    report(await work(openSession(program.opts<ConnectionOptions>())));
  };
  addStatus(program, run);
  addNodes(program, run);
  addNetworks(program, run);
  addEndpoints(program, run);
  addIpam(program, run);
  addServices(program, run);
  addDns(program, run);
  addPorts(program, run);
  addExplain(program, run);
  addObservation(program, run);
  addCompletion(program, run);
  return program;
}

function addStatus(program: Command, run: Run): void {
  program
    .command('status')
    .description('show what weftd is, what it holds and whether it is ready (exit 1 if not)')
    .option(...JSON_FLAG)
    .action((options: JsonOption) =>
      run(async (session) => (await import('./commands/status.ts')).showStatus(session, options)),
    );
}

function addNetworks(program: Command, run: Run): void {
  const network = program.command('network').helpCommand(false).description('list and inspect networks');
  network
    .command('ls')
    .description('list networks')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ListOptions) =>
      run(async (session) => (await import('./commands/network.ts')).listNetworks(session, options)),
    );
  network
    .command('inspect')
    .description('show a network and its endpoints')
    .argument('<network>', 'id, start of an id, or name')
    .option(...JSON_FLAG)
    .action((ref: string, options: JsonOption) =>
      run(async (session) => (await import('./commands/network.ts')).inspectNetwork(session, ref, options)),
    );
}

function addEndpoints(program: Command, run: Run): void {
  const endpoint = program
    .command('endpoint')
    .helpCommand(false)
    .description('list and inspect endpoints: containers in networks');
  endpoint
    .command('ls')
    .description('list endpoints')
    .option('--network <network>', 'only those of this network: id, start of an id, or name')
    .option('--all', 'those of other hosts too')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: EndpointListOptions) =>
      run(async (session) => (await import('./commands/endpoint.ts')).listEndpoints(session, options)),
    );
  endpoint
    .command('inspect')
    .description('show an endpoint')
    .argument('<endpoint>', 'id, start of an id, or container name')
    .option(...JSON_FLAG)
    .action((ref: string, options: JsonOption) =>
      run(async (session) => (await import('./commands/endpoint.ts')).inspectEndpoint(session, ref, options)),
    );
}

function addIpam(program: Command, run: Run): void {
  const ipam = program.command('ipam').helpCommand(false).description('list and inspect address pools');
  ipam
    .command('ls')
    .description('list address pools and how full they are')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ListOptions) =>
      run(async (session) => (await import('./commands/ipam.ts')).listPools(session, options)),
    );
  ipam
    .command('inspect')
    .description('show a pool and the addresses of it that are not free')
    .argument('<pool>', 'pool id or its CIDR')
    .option(...JSON_FLAG)
    .action((ref: string, options: JsonOption) =>
      run(async (session) => (await import('./commands/ipam.ts')).inspectPool(session, ref, options)),
    );
}

function addPorts(program: Command, run: Run): void {
  program
    .command('port')
    .helpCommand(false)
    .description('list published ports')
    .command('ls')
    .description('list published ports')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ListOptions) =>
      run(async (session) => (await import('./commands/port.ts')).listPorts(session, options)),
    );
}

function addObservation(program: Command, run: Run): void {
  program
    .command('events')
    .description('show recent events, then new ones as they happen, until Ctrl-C')
    .option('--since <time>', 'start there: 30s, 10m, 2h, 3d ago, or an RFC 3339 time')
    .option('--no-follow', 'end after the events so far')
    .option('--json', 'print one JSON object a line')
    .action((options: EventsOptions) =>
      run(async (session) => (await import('./commands/events.ts')).followEvents(session, options)),
    );
  program
    .command('doctor')
    .description('check this host and say what to do (exit 1 if a check fails)')
    .option(...JSON_FLAG)
    .action((options: JsonOption) =>
      run(async (session) => (await import('./commands/doctor.ts')).runDoctor(session, options)),
    );
  program
    .command('drift')
    .description('show what weftd found changed in the kernel and repaired')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ListOptions) =>
      run(async (session) => (await import('./commands/drift.ts')).showDrift(session, options)),
    );
}

function addNodes(program: Command, run: Run): void {
  const node = program
    .command('node')
    .helpCommand(false)
    .description('list and remove the hosts of the cluster');
  node
    .command('ls')
    .description('list hosts: state, address, version, networks and endpoints')
    .option(...JSON_FLAG)
    .option(...TRUNC_FLAG)
    .action((options: ListOptions) =>
      run(async (session) => (await import('./commands/node.ts')).listNodes(session, options)),
    );
  node
    .command('rm')
    .description('remove a host that is gone for good: its endpoints, its addresses, its name')
    .argument('<node>', 'name')
    .option('--force', 'also when its weftd lives')
    .option(...JSON_FLAG)
    .action((name: string, options: NodeRemovalOptions) =>
      run(async (session) => (await import('./commands/node.ts')).removeNode(session, name, options)),
    );
}

function addExplain(program: Command, run: Run): void {
  program
    .command('explain')
    .description('walk from one endpoint to another and say what does not hold (exit 1 if so)')
    .argument('<from>', 'container name, endpoint id or its start, or address, on this host')
    .argument(
      '<to>',
      'the same on any host, or a name or service, with :PORT or :PORT/udp after it or without',
    )
    .option(...JSON_FLAG)
    .action((from: string, to: string, options: JsonOption) =>
      run(async (session) => (await import('./commands/explain.ts')).explainPath(session, from, to, options)),
    );
}

function addCompletion(program: Command, run: Run): void {
  program
    .command('completion')
    .description('print a completion script: source <(weft completion bash)')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const { completionScript } = await import('./completion/script.ts');
      process.stdout.write(completionScript(shell, program));
    });
  program
    .command('__complete', { hidden: true })
    .argument('<kind>')
    .argument('[word]')
    .action((kind: string, word = '') =>
      run(async (session) => {
        const { isCompletionKind } = await import('./completion/tree.ts');
        if (!isCompletionKind(kind))
          throw new Failure(EXIT.usage, `nothing completes ${JSON.stringify(kind)}`);
        return (await import('./commands/complete.ts')).completeRefs(session, kind, word);
      }),
    );
}
