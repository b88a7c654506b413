/** Who has sent a datagram. */
export interface Sender {
  readonly port: number;
  readonly address: string;
}

/** Datagrams of a bound socket past the event loop, which costs more for each than an answer does. */
export interface Datagrams {
  /**
   * Takes those that wait, up to a batch, and sends what `answer` gives for them; says whether more may wait.
   * `sender` is to be called before `answer` returns.
   */
  exchange(answer: (packet: Buffer, sender: () => Sender) => Buffer | undefined): boolean;
  send(reply: Buffer, to: Sender): void;
}
