const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];
const DURATION = /^(\d+)(s|m|h|d)$/;
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
/** RFC 3339 section 5.6, seconds and offset required. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** `5 minutes ago`; `now` under a second and for times ahead. */
export function ago(time: string, now: number): string {
  const seconds = Math.floor((now - Date.parse(time)) / 1000);
  return seconds < 1 ? 'now' : `${largest(seconds)} ago`;
}

/** `in 20 seconds`; `now` when it is past. */
export function until(time: string, now: number): string {
  const seconds = Math.ceil((Date.parse(time) - now) / 1000);
  return seconds < 1 ? 'now' : `in ${largest(seconds)}`;
}

function largest(seconds: number): string {
  const [size, name] = UNITS.find(([unit]) => seconds >= unit) ?? [1, 'second'];
  return plural(Math.floor(seconds / size), name);
}

/** The two largest units: `2 hours 5 minutes`. */
export function duration(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.floor(seconds));
  for (const [size, name] of UNITS) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole > 0 && parts.length < 2) parts.push(plural(whole, name));
    else if (parts.length > 0) break;
  }
  return parts.length === 0 ? '0 seconds' : parts.join(' ');
}

/** `1 network`, `2 networks`. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** `2030-01-02 03:04:05` in the local time zone. */
export function localTime(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/**
 * The moment that `10m`, `2h`, `3d`, `45s` ago was, or that an RFC 3339 time names, as RFC 3339 in UTC;
 * undefined when the text is neither.
 */
export function parseSince(text: string, now: number): string | undefined {
  const match = DURATION.exec(text);
  const seconds = match === null ? undefined : Number(match[1]) * (SECONDS[match[2] ?? ''] ?? 0);
  const moment = seconds === undefined ? timestamp(text) : now - seconds * 1000;
  const date = new Date(moment);
  return Number.isNaN(date.getTime()) || date.getTime() < 0 ? undefined : date.toISOString();
}

function timestamp(text: string): number {
  return TIMESTAMP.test(text) ? Date.parse(text) : Number.NaN;
}
