import type { KernelHint } from '../../core/ports.ts';

/**
 * Which device has the name of a parent. The kernel tells of a parent with every link that is made on it, so only a
 * device of another ifindex, or none, is news.
 */
export class ParentHints {
  readonly #indexes = new Map<string, number>();

  /** Takes a notification in; whether the device is another one than before, or gone. */
  isOther(dev: string, { gone, index }: KernelHint): boolean {
    if (gone === true) {
      this.#indexes.delete(dev);
      return true;
    }
    if (index === undefined || this.#indexes.get(dev) === index) return false;
    this.#indexes.set(dev, index);
    return true;
  }
}
