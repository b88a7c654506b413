import t from 'tap';
import { openBridgeStage, runOnStage } from './service-stage.ts';
import { SERVICE_CHANGES } from './suite-service-changes.ts';
import { SERVICES } from './suite-services.ts';

/* Everything that a service of weft-bridge does, by real engines. */

t.setTimeout(600_000);

await using stage = await openBridgeStage('28.5');
await runOnStage(t, stage, { ...SERVICES, ...SERVICE_CHANGES });
