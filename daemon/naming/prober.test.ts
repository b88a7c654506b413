import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { EndpointId } from '../../core/ids.ts';
import type { ProbeTarget } from './probe.ts';
import { afterProbe, NOT_PROBED, pauseAfter } from './probe-state.ts';
import { Prober } from './prober.ts';

const run = (answers: readonly boolean[]) => answers.reduce(afterProbe, NOT_PROBED).state;

describe('a backend that is probed', () => {
  test('is starting until it first answers, however long that takes', () => {
    expect(run([])).toBe('starting');
    expect(run([false, false, false, false, false])).toBe('starting');
    expect(run([false, true])).toBe('ready');
  });

  test('is failing after three failures in a row, and ready at the next answer', () => {
    expect(run([true, false, false])).toBe('ready');
    expect(run([true, false, false, true, false, false])).toBe('ready');
    expect(run([true, false, false, false])).toBe('failing');
    expect(run([true, false, false, false, false, true])).toBe('ready');
  });

  test('whatever its answers: ready if it has just answered, never starting again once it has', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1 }), (answers) => {
        const state = run(answers);
        if (answers.at(-1) === true) expect(state).toBe('ready');
        expect(state === 'starting').toBe(!answers.includes(true));
      }),
    );
  });

  test('is asked often at first and when in doubt', () => {
    expect(pauseAfter(NOT_PROBED)).toBe(100);
    expect(pauseAfter({ state: 'ready', failures: 0 })).toBe(1000);
    expect(pauseAfter({ state: 'ready', failures: 1 })).toBe(100);
    expect(pauseAfter({ state: 'failing', failures: 4 })).toBe(1000);
    expect(pauseAfter({ state: 'starting', failures: 1000 })).toBe(1000);
  });
});

describe('the prober', () => {
  const E = 'e1' as EndpointId;
  const target = (port: number): ProbeTarget => ({
    sandbox: '/run/docker/netns/x' as never,
    ip: '10.0.0.2' as never,
    probe: { kind: 'tcp', port },
  });
  let answers: boolean;
  let asked: number[];
  let changed: string[];
  let prober: Prober;
  beforeEach(() => {
    vi.useFakeTimers();
    answers = false;
    asked = [];
    changed = [];
    prober = new Prober(
      (endpoint) => changed.push(`${endpoint} ${prober.watch(endpoint, target(80))}`),
      async ({ probe }) => {
        asked.push(probe.port);
        return answers;
      },
    );
  });
  afterEach(() => {
    prober[Symbol.dispose]();
    vi.useRealTimers();
  });
  const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

  test('asks at once, then as the state has it, and says what changes', async () => {
    expect(prober.watch(E, target(80))).toBe('starting');
    await pass(250);
    expect(asked).toHaveLength(3);
    answers = true;
    await pass(100);
    expect(changed).toEqual(['e1 ready']);
    await pass(2000);
    expect(asked).toHaveLength(6);
    answers = false;
    await pass(1300);
    expect(changed).toEqual(['e1 ready', 'e1 failing']);
  });

  test('begins anew with another target, and ends', async () => {
    answers = true;
    prober.watch(E, target(80));
    await pass(0);
    expect(prober.watch(E, target(80))).toBe('ready');
    expect(prober.watch(E, target(81))).toBe('starting');
    await pass(0);
    expect(asked).toEqual([80, 81]);
    expect(prober.watch(E, undefined)).toBeUndefined();
    await pass(5000);
    expect(asked).toEqual([80, 81]);
  });
});
