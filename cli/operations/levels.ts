export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
type EventLevel = Exclude<LogLevel, 'silent'>;

/** How bad each kind of event is, by what it came from. What is not here is `info`. */
const LEVELS: Readonly<Record<string, Readonly<Record<string, EventLevel>>>> = {
  broker: {
    'registration-failed': 'warn',
    stale: 'warn',
    'heartbeat-failed': 'warn',
    fenced: 'warn',
    'metadata-failed': 'warn',
    'metadata-applied': 'debug',
    'settings-refused': 'error',
    'auto-creation-failed': 'warn',
    'controller-failed': 'warn',
    'metrics-failed': 'error',
    'request-failed': 'error',
  },
  replication: {
    leader: 'debug',
    follower: 'debug',
    'isr-expanding': 'debug',
    'isr-shrinking': 'debug',
    'isr-refused': 'warn',
    restarted: 'warn',
    'fetch-failed': 'warn',
    offline: 'error',
    'task-failed': 'error',
  },
  groups: {
    'group-partition-loaded': 'debug',
    'group-partition-load-failed': 'error',
    'group-partition-unloaded': 'debug',
    'group-generation': 'debug',
    'group-append-failed': 'error',
  },
  directory: {
    'partition-offline': 'error',
    'unknown-directory': 'warn',
    'directory-skipped': 'warn',
    'removal-failed': 'warn',
    'topic-adopted': 'warn',
    'partitions-adopted': 'warn',
    'metadata-rewritten': 'warn',
    'checkpoint-damaged': 'warn',
    'checkpoint-failed': 'error',
    'catalog-failed': 'error',
    'retention-failed': 'error',
    'compaction-failed': 'error',
    'task-failed': 'error',
    'close-failed': 'error',
  },
  log: {
    rolled: 'debug',
    // Replication says it where records were taken back.
    truncated: 'debug',
    deleted: 'debug',
    compacted: 'debug',
    'index-rebuilt': 'warn',
    postponed: 'warn',
    poisoned: 'error',
  },
  wire: {
    'connection-opened': 'debug',
    authenticated: 'debug',
    'connection-refused': 'warn',
    'accept-failed': 'error',
    'request-failed': 'error',
  },
  controller: {
    'broker-fenced': 'warn',
    'unclean-election': 'warn',
    postponed: 'warn',
    failed: 'fatal',
  },
  cluster: {
    'broker-exited': 'error',
    'broker-restarting': 'warn',
    'broker-problem': 'error',
  },
};

/** Connections that end for these reasons end as they should. */
const ORDINARY_CLOSES: ReadonlySet<unknown> = new Set(['disconnected', 'idle', 'server-closing']);

export function levelOf(
  source: string,
  event: string,
  fields: Readonly<Record<string, unknown>>,
): EventLevel {
  if (event === 'connection-closed') return ORDINARY_CLOSES.has(fields.reason) ? 'debug' : 'warn';
  if (event === 'broker-exited' && fields.wasAsked === true) return 'info';
  if (event === 'broker-fenced' && fields.reason === 'shutdown') return 'info';
  return LEVELS[source]?.[event] ?? 'info';
}

/** True if a line of `level` is written where `least` is asked for. */
export function isWritten(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}
