import { isVarveError } from '../errors.js';
import { openFileSystem } from '../io/index.js';
import { systemTimers } from '../timers.js';
import { watcherOfThisProcess } from './broker-watcher.js';
import {
  type FromChild,
  plainEvent,
  readToChild,
  type StartBroker,
  type ToChild,
} from './child-messages.js';
import { RemoteController } from './controller-rpc.js';
import { ipcChannel } from './message-channel.js';
import { RunningBroker, type RunningBrokerEvent } from './running-broker.js';

/*
 * The program of one broker's process: `Cluster` starts it and talks to it over the IPC channel. It ends when it is
 * told to, and when the channel closes, for without a controller it would serve what others may have taken over.
 */

/** Events that follow each other in large numbers and mean nothing to the supervisor. */
const QUIET: ReadonlySet<string> = new Set([
  'metadata-applied',
  'connection-opened',
  'connection-closed',
  'rolled',
  'isr-expanding',
  'isr-shrinking',
]);
/** Reasons of connections to end that need no word. */
const ORDINARY: ReadonlySet<string> = new Set(['disconnected', 'idle', 'server-closing']);
const CLOSE_TIMEOUT_MS = 25_000;
/** A broker of a supervisor that died closes its logs before it ends: its directory is free soon. */
const LOCKED_TIMEOUT_MS = CLOSE_TIMEOUT_MS;
const LOCKED_RETRY_MS = 50;

const channel = ipcChannel(process);
const controller = new RemoteController({ channel, timers: systemTimers });
let starting: Promise<RunningBroker> | null = null;
let isEnding = false;
const watcher = watcherOfThisProcess();

function tell(message: FromChild): void {
  channel.send(message);
}

function report(reported: RunningBrokerEvent): void {
  watcher?.onEvent(reported);
  const { source, event } = reported;
  const kind = 'kind' in event ? event.kind : event.type;
  const isNews = kind === 'connection-closed' && !ORDINARY.has(Object(event).reason);
  if (QUIET.has(kind) && !isNews) return;
  tell({ type: 'broker-event', event: { source, kind, ...plainEvent(event) } });
}

async function start(message: StartBroker): Promise<RunningBroker> {
  const { advertised, brokerId, clusterId, directory, host, rack, config } = message;
  const run = (port: number): Promise<RunningBroker> =>
    RunningBroker.start({
      brokerId,
      clusterId,
      controller,
      directory,
      fs: openFileSystem({ preparesWhenIdle: false }),
      settings: rack === null ? config : { ...config, 'broker.rack': rack },
      listener: { host, port },
      ...(advertised && { advertisedHost: advertised.host, advertisedPort: advertised.port }),
      onEvent: report,
      ...(watcher && { onRequest: watcher.onRequest }),
    });
  const isTaken = (error: unknown) =>
    isVarveError(error, 'NETWORK_EXCEPTION') && message.port !== 0 && message.mayChoosePort;
  const endMs = performance.now() + LOCKED_TIMEOUT_MS;
  for (;;) {
    try {
      return await run(message.port).catch((error: unknown) => {
        if (isTaken(error)) return run(0);
        throw error;
      });
    } catch (error) {
      // Its own supervisor has the lock of the cluster, so no other can be starting brokers here.
      const isLate = isEnding || performance.now() > endMs;
      if (!isVarveError(error, 'DIRECTORY_LOCKED') || isLate) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOCKED_RETRY_MS));
  }
}

function end(isControlled: boolean): void {
  if (isEnding) return;
  isEnding = true;
  // Whatever still waits then, for a disk or a client, must not keep the process.
  setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
  const closing = (async () => {
    const broker = await starting?.catch(() => null);
    await broker?.close({ isControlled });
  })();
  closing.then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}

function fail(error: unknown): void {
  const code = isVarveError(error) ? error.code : 'IO_FAILED';
  tell({
    type: 'broker-failed',
    code,
    message: error instanceof Error ? error.message : String(error),
  });
  // Before the channel closes with the process.
  setImmediate(() => process.exit(1));
}

channel.onMessage((received) => {
  let message: ToChild | null;
  try {
    message = readToChild(received);
  } catch (error) {
    fail(error);
    return;
  }
  if (message === null) return;
  if (message.type === 'stop-broker') {
    end(message.isControlled);
    return;
  }
  starting ??= start(message);
  starting.then((broker) => {
    tell({ type: 'broker-ready', port: broker.port });
    watcher?.started(broker, (event) => {
      tell({ type: 'broker-event', event: { source: 'broker', ...event } });
    });
  }, fail);
});
channel.onClose(() => end(false));
process.on('SIGTERM', () => end(true));
// Ctrl-C reaches every process of the terminal: the supervisor decides what it means.
process.on('SIGINT', () => undefined);
