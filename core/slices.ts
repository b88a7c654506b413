/** Longest time that decoding may keep the event loop from other work. */
const SLICE_MS = 1;

/** Handles items one after the other, giving way to other work about every millisecond. */
export async function inSlices<T>(items: readonly T[], handle: (item: T) => void): Promise<void> {
  let until = performance.now() + SLICE_MS;
  for (const [i, item] of items.entries()) {
    handle(item);
    if (i % 16 === 15 && performance.now() > until) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      until = performance.now() + SLICE_MS;
    }
  }
}
