/** `a, b, c and 4 more`. @param most how many are spelt out. */
export function listed(items: readonly string[], most = 5): string {
  const rest = items.length - most;
  return rest <= 0 ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${rest} more`;
}

/** `1 network`, `2 networks`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
