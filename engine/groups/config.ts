import { VarveError } from '../errors.js';

/** Settings of the group coordinator, complete and checked: what {@link parseGroupConfig} returns. */
export interface GroupConfig {
  readonly groupMinSessionTimeoutMs: number;
  readonly groupMaxSessionTimeoutMs: number;
  readonly groupInitialRebalanceDelayMs: number;
  readonly groupMaxSize: number;
  readonly offsetMetadataMaxBytes: number;
  readonly offsetsRetentionMinutes: number;
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly offsetsCommitTimeoutMs: number;
  readonly offsetsLoadBufferSize: number;
  readonly offsetsTopicNumPartitions: number;
  readonly offsetsTopicReplicationFactor: number;
  readonly offsetsTopicSegmentBytes: number;
}

/** A row of the table of settings. All are integers. */
export interface GroupSetting {
  /** Kafka's name: `group.max.size`. */
  readonly name: string;
  readonly property: keyof GroupConfig;
  readonly unit: 'bytes' | 'ms' | 'minutes' | 'members' | 'partitions' | 'replicas';
  readonly min: number;
  readonly max: number;
  readonly default: number;
  readonly meaning: string;
}

const MAX_INT = 0x7fffffff;
const MAX_SHORT = 0x7fff;

function setting(
  name: string,
  unit: GroupSetting['unit'],
  range: readonly [min: number, max: number],
  defaultValue: number,
  meaning: string,
): GroupSetting {
  const property = name.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
  const [min, max] = range;
  return {
    name,
    property: property as keyof GroupConfig,
    unit,
    min,
    max,
    default: defaultValue,
    meaning,
  };
}

/**
 * The one table: names, defaults and ranges as in Kafka (`GroupCoordinatorConfig`). Where Kafka takes any integer,
 * what makes no sense is refused here.
 */
export const GROUP_SETTINGS: readonly GroupSetting[] = [
  setting(
    'group.min.session.timeout.ms',
    'ms',
    [0, MAX_INT],
    6000,
    'Least session timeout that a member may ask for.',
  ),
  setting(
    'group.max.session.timeout.ms',
    'ms',
    [0, MAX_INT],
    1_800_000,
    'Largest session timeout that a member may ask for.',
  ),
  setting(
    'group.initial.rebalance.delay.ms',
    'ms',
    [0, MAX_INT],
    3000,
    'How long the first rebalance of an empty group waits for further members; each that comes extends it.',
  ),
  setting('group.max.size', 'members', [1, MAX_INT], MAX_INT, 'Most members of one group.'),
  setting(
    'offset.metadata.max.bytes',
    'bytes',
    [0, MAX_INT],
    4096,
    'Longest text that may be committed with an offset; counted in UTF-16 units, as Kafka does.',
  ),
  setting(
    'offsets.retention.minutes',
    'minutes',
    [1, MAX_INT],
    7 * 24 * 60,
    'How long offsets are kept after their group became empty, or after the last commit without membership.',
  ),
  setting(
    'offsets.retention.check.interval.ms',
    'ms',
    [1, Number.MAX_SAFE_INTEGER],
    600_000,
    'How often expired offsets are looked for.',
  ),
  setting(
    'offsets.commit.timeout.ms',
    'ms',
    [1, MAX_INT],
    5000,
    'How long a commit waits for the in-sync replicas.',
  ),
  setting(
    'offsets.load.buffer.size',
    'bytes',
    [1, MAX_INT],
    5 * 1024 * 1024,
    'How much of a partition is read at a time when its groups are loaded.',
  ),
  setting(
    'offsets.topic.num.partitions',
    'partitions',
    [1, MAX_INT],
    50,
    'Partitions of __consumer_offsets when it is made; must not change afterwards.',
  ),
  setting(
    'offsets.topic.replication.factor',
    'replicas',
    [1, MAX_SHORT],
    3,
    'Replicas of __consumer_offsets when it is made.',
  ),
  setting(
    'offsets.topic.segment.bytes',
    'bytes',
    [1, MAX_INT],
    100 * 1024 * 1024,
    'Segment size of __consumer_offsets when it is made.',
  ),
];

const BY_NAME = new Map<string, GroupSetting>();
for (const entry of GROUP_SETTINGS) {
  BY_NAME.set(entry.name, entry);
  BY_NAME.set(entry.property, entry);
}

/** Settings by camel case names or by Kafka's; what is left out gets its default. */
export type GroupConfigInput =
  | { readonly [Name in keyof GroupConfig]?: number | undefined }
  | Readonly<Record<string, number | string | undefined>>;

/**
 * Checks settings given by Kafka's names (values also as text) or by camel case names. Fails with
 * INVALID_CONFIG, naming the setting, the value and the range.
 */
export function parseGroupConfig(input: GroupConfigInput = {}): GroupConfig {
  const values: Record<string, number> = {};
  for (const { property, default: defaultValue } of GROUP_SETTINGS) values[property] = defaultValue;
  const given = new Set<string>();
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const found = BY_NAME.get(name);
    if (found === undefined) {
      const known = GROUP_SETTINGS.map((entry) => entry.name).join(', ');
      throw new VarveError(
        'INVALID_CONFIG',
        `unknown group setting ${JSON.stringify(name)}; known are ${known}`,
        { details: { name } },
      );
    }
    if (given.has(found.property)) {
      throw new VarveError('INVALID_CONFIG', `group setting ${found.name} is given twice`, {
        details: { name: found.name },
      });
    }
    given.add(found.property);
    values[found.property] = parseInteger(found, value);
  }
  const config = values as unknown as GroupConfig;
  if (config.groupMinSessionTimeoutMs > config.groupMaxSessionTimeoutMs) {
    throw new VarveError(
      'INVALID_CONFIG',
      `group.min.session.timeout.ms ${config.groupMinSessionTimeoutMs} is above group.max.session.timeout.ms ${config.groupMaxSessionTimeoutMs}`,
      { details: { name: 'group.min.session.timeout.ms', value: config.groupMinSessionTimeoutMs } },
    );
  }
  return config;
}

function parseInteger(entry: GroupSetting, value: unknown): number {
  const number =
    typeof value === 'string' && /^\s*[+-]?\d{1,16}\s*$/.test(value) ? Number(value) : value;
  if (
    typeof number === 'number' &&
    Number.isSafeInteger(number) &&
    number >= entry.min &&
    number <= entry.max
  ) {
    return number;
  }
  const shown = typeof value === 'string' ? JSON.stringify(value) : String(value);
  const range = `${entry.min} to ${entry.max}`;
  throw new VarveError(
    'INVALID_CONFIG',
    `group setting ${entry.name} ${shown} must be an integer from ${range} (${entry.unit})`,
    { details: { name: entry.name, value, range } },
  );
}
