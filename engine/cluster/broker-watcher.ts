import type { RequestListener } from '../wire/index.js';
import type { RunningBroker, RunningBrokerEvent } from './running-broker.js';

/** What looks at the broker of a process from inside it, such as metrics. Nothing here may throw. */
export interface BrokerWatcher {
  readonly onRequest: RequestListener;
  onEvent(event: RunningBrokerEvent): void;
  /** In service. `tell` has the supervisor hear of something as of one of the broker's events. */
  started(broker: RunningBroker, tell: (event: { readonly kind: string }) => void): void;
}

let watcher: BrokerWatcher | null = null;

/** For the program of a broker's process, before it imports `broker-process.js`. */
export function watchBroker(its: BrokerWatcher): void {
  watcher = its;
}

export function watcherOfThisProcess(): BrokerWatcher | null {
  return watcher;
}
