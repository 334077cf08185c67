import type { PayloadPlan } from '../load/plan.js';
import { type Cell, cellOf } from '../model/knobs.js';
import type { OpenTarget, Target } from '../targets/target.js';
import { type CellRunOptions, runCell } from './run-cell.js';

/**
 * Load that is not measured, right after a target was started: a JVM compiles what runs often, and needs a minute of work
 * to find that out. Half of it replicates and waits for all, half does not, so that both ways are warm.
 */
export async function warmUp(
  target: Target,
  open: OpenTarget,
  cell: Cell,
  payload: PayloadPlan,
  options: Omit<CellRunOptions, 'onLive'>,
): Promise<void> {
  const seconds = target.warmUpSeconds;
  if (seconds === 0) return;
  const replicas = Math.min(3, cell.brokers);
  const kinds = [
    { acks: 'all', replicationFactor: replicas },
    { acks: 1, replicationFactor: 1 },
  ] as const;
  for (const [at, kind] of kinds.entries()) {
    const { target: name, brokers, recordBytes, batchBytes } = cell;
    await runCell(
      open,
      {
        cell: cellOf({ target: name, brokers, recordBytes, batchBytes, partitions: 12, ...kind }),
        topic: `varve-bench-${process.pid}-warm-up-${at}`,
        payload,
        warmupSeconds: 0,
        measureSeconds: seconds / kinds.length,
        rateBytesPerSecond: null,
        repeat: 0,
        order: 0,
      },
      { ...options, onLive: () => {} },
    );
  }
}
