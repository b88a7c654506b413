import { describe, expect, it } from 'vitest';
import { socketPath } from './socket-path.ts';
import { openTerminal } from './terminal.ts';

function stream(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 80, written, write: (text: string) => written.push(text) > 0 };
}

describe('openTerminal', () => {
  it('colours and fits a terminal', () => {
    const terminal = openTerminal(stream(true), {});
    expect(terminal.paint('ready', 'good')).toBe('\u{1b}[32mready\u{1b}[39m');
    expect(terminal.paint('name', 'plain')).toBe('name');
    expect(terminal.width).toBe(80);
  });

  it.each([
    ['NO_COLOR', true, { NO_COLOR: '1' }],
    ['a dumb terminal', true, { TERM: 'dumb' }],
    ['a pipe', false, {}],
  ])('leaves colours out with %s', (_what, isTTY, env) => {
    expect(openTerminal(stream(isTTY), env).paint('ready', 'good')).toBe('ready');
  });

  it('takes an empty NO_COLOR as absent', () => {
    expect(openTerminal(stream(true), { NO_COLOR: '' }).paint('x', 'bad')).toContain('\u{1b}[31m');
  });

  it('fits nothing into a pipe', () => {
    expect(openTerminal(stream(false), {}).width).toBeUndefined();
  });

  it('ends each line', () => {
    const out = stream(false);
    openTerminal(out, {}).line('one');
    expect(out.written).toEqual(['one\n']);
  });
});

describe('socketPath', () => {
  const env = { WEFT_SOCKET: '/env/s', WEFT_RUN_DIR: '/env/run' };
  it.each([
    ['/flag/s', { socket: '/flag/s', runDir: '/flag/run' }, env],
    ['/flag/run/control.sock', { runDir: '/flag/run' }, env],
    ['/env/s', {}, env],
    ['/env/run/control.sock', {}, { WEFT_RUN_DIR: '/env/run' }],
    ['/run/weft/control.sock', {}, { WEFT_SOCKET: '', WEFT_RUN_DIR: '' }],
  ])('is %s for %j and %j', (path, options, environment) => {
    expect(socketPath(options, environment)).toBe(path);
  });
});
