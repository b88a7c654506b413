/** Ids of what a call is about, for the log. */
export interface Subject {
  readonly networkId?: string;
  readonly endpointId?: string;
  readonly sandboxKey?: string;
  readonly poolId?: string;
  readonly address?: string;
}

/** A call whose arguments are decoded: nothing has happened yet. */
export interface PreparedCall {
  readonly subject: Subject;
  /** The answer as the wire has it. Rejects with what the backend rejects with. */
  perform(): Promise<object>;
}

/** One RPC of a plugin socket. */
export type Method =
  | {
      /** Constant from the start, so that no state of the daemon can make it fail. Arguments are not looked at. */
      readonly kind: 'constant';
      readonly name: string;
      readonly answer: object;
    }
  | {
      readonly kind: 'call';
      readonly name: string;
      /** Whether success changes intent: those calls get a line at level info. */
      readonly changes: boolean;
      /** @throws {InvalidArgument} naming the field, its value and what is accepted. */
      prepare(body: unknown): PreparedCall;
      /** Answered instead of a failure of the backend, which is logged all the same. */
      readonly onFailure?: object;
    };

/** The answer of every call that has nothing to tell. */
export const EMPTY: object = Object.freeze({});

/** What `call` needs to know of one RPC. */
export interface CallParts<Request> {
  readonly changes: boolean;
  readonly decode: (body: unknown) => Request;
  readonly subject: (request: Request) => Subject;
  readonly perform: (request: Request) => Promise<object>;
  readonly onFailure?: object;
}

/** A method that decodes its arguments, then calls a backend and encodes what comes back. */
export function call<Request>(name: string, parts: CallParts<Request>): Method {
  return {
    kind: 'call',
    name,
    changes: parts.changes,
    ...(parts.onFailure === undefined ? {} : { onFailure: parts.onFailure }),
    prepare(body) {
      const request = parts.decode(body);
      return { subject: parts.subject(request), perform: () => parts.perform(request) };
    },
  };
}
