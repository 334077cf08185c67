import type { Disturbance } from '../target.js';
import type { ExperimentContext } from './context.js';
import { crash } from './crash.js';
import { failover } from './failover.js';
import { rebalance } from './rebalance.js';
import { recovery } from './recovery.js';

/** Null: the cell only has load. */
export function experimentOn(context: ExperimentContext): Disturbance | null {
  switch (context.cell.experiment) {
    case 'load':
      return null;
    case 'failover':
      return failover(context);
    case 'crash':
      return crash(context);
    case 'recovery':
      return recovery(context);
    case 'rebalance':
      return rebalance(context);
  }
}
