import { expect, test } from 'vitest';
import type { IfName } from '../../core/ids.ts';
import { type AcceptRule, acceptRules, type IfPattern } from './accept-rule.ts';

const pattern = ({ name, wildcard }: IfPattern) => (wildcard ? `${name}+` : name);
const render = (rule: AcceptRule) =>
  [
    rule.in === undefined ? [] : [`-i ${pattern(rule.in)}`],
    rule.out === undefined ? [] : [`-o ${pattern(rule.out)}`],
    [`-j ${rule.verdict.toUpperCase()}`],
  ]
    .flat()
    .join(' ');
const rendered = (...bridges: string[]) => acceptRules(bridges as IfName[]).map(render);

const WEFT = [
  '-i wb-+ -o docker0 -j RETURN',
  '-i wb-+ -o br-+ -j RETURN',
  '-i wb-+ -j ACCEPT',
  '-o wb-+ -j ACCEPT',
];

test('derived bridges need four rules', () => {
  expect(rendered()).toEqual(WEFT);
});

test('a bridge with a name of the user gets the same four', () => {
  expect(rendered('lan0')).toEqual([
    ...WEFT,
    '-i lan0 -o docker0 -j RETURN',
    '-i lan0 -o br-+ -j RETURN',
    '-i lan0 -j ACCEPT',
    '-o lan0 -j ACCEPT',
  ]);
});

test('a bridge named as Docker names its own is accepted before the rules that hand those over', () => {
  expect(rendered('br-lan')).toEqual([
    '-o br-lan -j ACCEPT',
    ...WEFT,
    '-i br-lan -o docker0 -j RETURN',
    '-i br-lan -o br-+ -j RETURN',
    '-i br-lan -j ACCEPT',
  ]);
});

test('order, repetition and derived names make no difference', () => {
  expect(rendered('b', 'a', 'wb-aaaaaaaaaa', 'b')).toEqual(rendered('a', 'b'));
});
