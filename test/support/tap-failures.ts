const LINES = 14;
const WIDTH = 240;

/**
 * What failed in a file, in brief: each failed assertion with the beginning of what is said of it. A subtest that
 * failed only because something inside it did is left out.
 * @param tap what the file printed: TAP 14 with indented subtests
 */
export function tapFailures(tap: string): readonly string[] {
  const lines = tap.split('\n');
  return lines.flatMap((line, at) => {
    const indent = line.search(/not ok\b/);
    if (indent < 0 || line.slice(0, indent).trim() !== '' || endsFailedSubtest(lines, at, indent)) return [];
    const said = lines.slice(at + 1, at + 1 + LINES);
    const end = said.findIndex((each) => each.search(/\S/) <= indent && each.trim() !== '');
    return [[line, ...(end < 0 ? said : said.slice(0, end))].map(clip).join('\n').trimEnd()];
  });
}

/** A subtest's own result follows its plan, which stands one level further in. */
function endsFailedSubtest(lines: readonly string[], at: number, indent: number): boolean {
  for (let i = at - 1; i >= 0; i -= 1) {
    const line = lines[i] ?? '';
    if (line.trim() === '') continue;
    const depth = line.search(/\S/);
    if (depth <= indent) return false;
    if (/^\s*not ok\b/.test(line) && depth === indent + 4) return true;
  }
  return false;
}

function clip(line: string): string {
  return line.length > WIDTH ? `${line.slice(0, WIDTH)}…` : line;
}
