import type { FromLoad, LoadResult, Schedule } from './plan.js';

type Message<T extends FromLoad['type']> = Omit<Extract<FromLoad, { type: T }>, 'type'>;

/** One load process's work, from connected to measured. */
export interface Load {
  /** Resolves with what was measured; rejects when the load cannot go on. */
  run(schedule: Schedule): Promise<LoadResult>;
  /** Ends it early: `run` resolves soon. */
  stop(): void;
  progress(): Message<'progress'>;
  acknowledged(): Message<'acknowledged'>;
  close(): Promise<void>;
}
