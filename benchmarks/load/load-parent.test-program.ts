import { LoadProcess } from './load-process.js';
import type { LoadPlan } from './plan.js';

/* For a test: a suite with one load under way, that tells its parent the load's process id and waits to be killed. */

const load = await LoadProcess.open(JSON.parse(process.argv[2] ?? '') as LoadPlan);
process.send?.(load.pid as number);
setInterval(() => {}, 1000);
