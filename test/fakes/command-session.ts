import { afterEach, beforeEach } from 'vitest';
import { Client } from '../../cli/client.ts';
import type { Session } from '../../cli/session.ts';
import { type ControlFixture, openControl } from './control-fixture.ts';
import { type ControlScene, NOW } from './control-scene.ts';

interface CommandSession {
  /** Goes to the control server of the test that runs; its terminal has no width and no colours, and stands at NOW. */
  readonly session: Session;
  /** What the server of the test that runs tells. */
  scene(): ControlScene;
  /** What has been printed since this was last asked. */
  output(): string;
}

/** What commands need, for a file of tests: each test has a control server of its own, and nothing printed yet. */
export function commandSession(): CommandSession {
  let control: ControlFixture;
  let client: Client;
  let lines: string[];
  beforeEach(async () => {
    control = await openControl();
    client = new Client(control.path);
    lines = [];
  });
  afterEach(() => control[Symbol.asyncDispose]());
  return {
    session: {
      get client() {
        return client;
      },
      terminal: {
        width: undefined,
        paint: (text) => text,
        now: () => NOW,
        line: (text) => {
          lines.push(text);
        },
      },
    },
    scene: () => control.backend.scene,
    output: () => lines.splice(0).join('\n'),
  };
}
