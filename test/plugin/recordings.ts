import { readdirSync, readFileSync } from 'node:fs';

const CAPTURES = new URL('../golden/captures/', import.meta.url);

/** One request of an engine as it was recorded, with the scenario it belongs to. */
export interface RecordedRequest {
  readonly mark: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the recording plugin answered, where it did and where that was an object. */
  readonly answer?: Readonly<Record<string, unknown>>;
}

/** Names of all recordings, without extension: `basic-29`. */
export const RECORDINGS: readonly string[] = readdirSync(CAPTURES)
  .filter((name) => name.endsWith('.jsonl'))
  .map((name) => name.slice(0, -'.jsonl'.length));

/** The requests of one recording, in order. */
export function recordedRequests(name: string): readonly RecordedRequest[] {
  const requests: RecordedRequest[] = [];
  const answers = answersById(name);
  let mark = '';
  for (const text of readFileSync(new URL(`${name}.jsonl`, CAPTURES), 'utf8').split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text);
    if (typeof line.mark === 'string') mark = line.mark;
    if (typeof line.body !== 'string') continue;
    const answer = answers.get(line.id);
    const request = { mark, method: line.m, headers: pairs(line.headers), body: line.body };
    requests.push(answer === undefined ? request : { ...request, answer });
  }
  return requests;
}

function answersById(name: string): ReadonlyMap<number, Readonly<Record<string, unknown>>> {
  const answers = new Map<number, Readonly<Record<string, unknown>>>();
  for (const text of readFileSync(new URL(`${name}.jsonl`, CAPTURES), 'utf8').split('\n')) {
    const line = text === '' ? {} : JSON.parse(text);
    if (typeof line.res !== 'string' || !line.res.startsWith('{')) continue;
    answers.set(line.id, JSON.parse(line.res));
  }
  return answers;
}

/** Node lists raw headers flat: name, value, name, value. */
function pairs(flat: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
}
