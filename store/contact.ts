/** Whether a store on another machine answers. */
export interface StoreContact {
  /** The last attempt succeeded. */
  readonly connected: boolean;
  /** Milliseconds since it last answered; undefined when it never did. */
  readonly ageMs: number | undefined;
  /** Why the last attempt did not succeed. */
  readonly error: string | undefined;
}
