import t from 'tap';
import { openOverlayStage, runOnStage } from './service-stage.ts';
import { SERVICE_CHANGES } from './suite-service-changes.ts';
import { SERVICES } from './suite-services.ts';

/* Everything that a service of weft-overlay does, by real engines. */

t.setTimeout(600_000);

await using stage = await openOverlayStage();
await runOnStage(t, stage, { ...SERVICES, ...SERVICE_CHANGES });
