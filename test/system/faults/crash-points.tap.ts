import t from 'tap';
import { dieEverywhere } from './die-everywhere.ts';

t.setTimeout(800_000);

t.test('weftd may die at any point of any call', (t) => dieEverywhere(t, { atLeast: 110 }));
