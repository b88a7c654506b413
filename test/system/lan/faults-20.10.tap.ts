import { runLanSuite } from './run-suite.ts';
import { faults } from './suite-faults.ts';
import { hostAccess } from './suite-host-access.ts';

await runLanSuite('20.10', { ...faults, ...hostAccess });
