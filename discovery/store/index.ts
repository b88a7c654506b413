/** The resolver's knowledge on disk. What it knows and from whom is told in feed/. */
export { Journal } from './journal.ts';
