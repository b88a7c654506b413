import { expect, test } from 'vitest';
import {
  AlreadyExists,
  Conflict,
  DecodeError,
  Exhausted,
  errorMessage,
  Internal,
  InvalidArgument,
  KernelError,
  NotFound,
  Unavailable,
  Unsupported,
  WeftError,
} from './errors.ts';

test.each([
  [InvalidArgument, 'invalid_argument'],
  [NotFound, 'not_found'],
  [AlreadyExists, 'already_exists'],
  [Exhausted, 'exhausted'],
  [Conflict, 'conflict'],
  [Unavailable, 'unavailable'],
  [Unsupported, 'unsupported'],
  [DecodeError, 'decode'],
  [Internal, 'internal'],
])('%o has its code, name, context and cause', (Class, code) => {
  const cause = new Error('because');
  const error = new Class('it failed', { field: 'x' }, { cause });
  expect(error).toBeInstanceOf(WeftError);
  expect(error).toMatchObject({
    code,
    name: Class.name,
    message: 'it failed',
    context: { field: 'x' },
    cause,
  });
  expect(new Class('bare').context).toEqual({});
});

test('a kernel error carries errno, extended ack, step and position', () => {
  const details = { errno: 'EEXIST', extack: 'no', step: 'create link', index: 2 };
  const error = new KernelError('create link: EEXIST', details);
  expect(error).toMatchObject({ code: 'kernel', errno: 'EEXIST', context: details });
});

test('anything thrown has a message', () => {
  expect([errorMessage(new Error('a')), errorMessage('b'), errorMessage(undefined)]).toEqual([
    'a',
    'b',
    'undefined',
  ]);
});
