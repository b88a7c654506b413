import { describe, expect, test } from 'vitest';
import { CommandLineError, DEFAULTS, readCommandLine, USAGE } from './command-line.ts';

describe('the command line of scripts/vm', () => {
  test('is a command with the usual machine', () => {
    expect(readCommandLine(['node', '--version'])).toEqual({
      kind: 'run',
      options: { ...DEFAULTS, argv: ['node', '--version'] },
    });
  });

  test('has flags before the command, and none after it', () => {
    const flags = ['--time', '90', '--memory', '1024', '--cpus', '1', '--load', 'ipvlan,8021q'];
    expect(readCommandLine([...flags, 'sh', '-c', 'true', '--help'])).toEqual({
      kind: 'run',
      options: {
        limitMs: 90_000,
        memory: 1024,
        cpus: 1,
        modules: ['ipvlan', '8021q'],
        argv: ['sh', '-c', 'true', '--help'],
      },
    });
    expect(readCommandLine(['--', '--odd'])).toMatchObject({ options: { argv: ['--odd'] } });
  });

  test('asks for help', () => {
    expect(readCommandLine(['--time', '9', '--help', 'x'])).toEqual({ kind: 'help' });
  });

  test.each([
    [[], 'what shall it run'],
    [['--time', '5'], 'what shall it run'],
    [['--time', '0', 'x'], '--time needs a whole number greater than 0'],
    [['--time', '1.5', 'x'], '--time needs'],
    [['--memory', '-1', 'x'], '--memory needs'],
    [['--cpus'], '--cpus needs'],
    [['--load', 'a;b', 'x'], '--load needs names'],
    [['--load', '', 'x'], '--load needs names'],
    [['--kvm', 'x'], 'unknown flag --kvm'],
  ])('%j is refused: %s', (args, why) => {
    expect(() => readCommandLine(args)).toThrow(CommandLineError);
    expect(() => readCommandLine(args)).toThrow(why);
  });

  test('has every flag and its default in the help', () => {
    expect(USAGE).toContain(
      `--time SECONDS     end the machine after this long (${DEFAULTS.limitMs / 1000})`,
    );
    expect(USAGE).toMatch(new RegExp(`--memory MIB .*\\(${DEFAULTS.memory}\\)`));
    expect(USAGE).toMatch(new RegExp(`--cpus N .*\\(${DEFAULTS.cpus}\\)`));
    expect(USAGE).toMatch(new RegExp(`--load MODULES .*\\(${DEFAULTS.modules}\\)`));
  });
});
