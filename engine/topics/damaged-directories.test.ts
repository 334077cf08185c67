import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PartitionLog } from '../log/partition-log.js';
import { DataDirectory } from './data-directory.js';
import type { DataDirectoryEvent } from './events.js';

/** Every row damages a directory with topic `t`: partitions 0 to 2, 20 records of 4 segments each, start at 7 in 1. */
interface Row {
  readonly name: string;
  readonly damage: (root: string) => void | Promise<void>;
  readonly unclean?: boolean;
  /** Refused with this code; the clean mark must still be there. */
  readonly refused?: string;
  /** `t`'s log starts and ends after opening; null: offline. Default: as they were. */
  readonly found?: readonly (readonly [number, number] | null)[];
  /** Kinds of events, without those of the logs. */
  readonly events?: readonly string[];
  readonly check?: (data: DataDirectory, root: string) => void | Promise<void>;
}

const WHOLE = [
  [0, 20],
  [7, 20],
  [0, 20],
] as const;
const SETTINGS = { 'internal.segment.bytes': 1024, 'index.interval.bytes': 128 };
const HEX = '0123456789abcdef0123456789abcdef';

const edit = (path: string, change: (text: string) => string) =>
  writeFileSync(path, change(readFileSync(path, 'latin1')), 'latin1');

function firstLog(partition: string): string {
  const name = readdirSync(partition)
    .filter((file) => file.endsWith('.log'))
    .sort()[0]!;
  return join(partition, name);
}

const ROWS: Row[] = [
  { name: 'nothing', damage: () => undefined, events: [] },
  {
    name: 'no checkpoints: the log start comes from the first segment',
    damage: (root) => {
      rmSync(join(root, 'recovery-point-offset-checkpoint'));
      rmSync(join(root, 'log-start-offset-checkpoint'));
      rmSync(join(root, 'cleaner-offset-checkpoint'));
    },
    found: [
      [0, 20],
      [5, 20],
      [0, 20],
    ],
    events: [],
  },
  {
    name: 'recovery point checkpoint is rubbish, unclean: all is scanned',
    damage: (root) => writeFileSync(join(root, 'recovery-point-offset-checkpoint'), 'rubbish'),
    unclean: true,
    events: ['checkpoint-damaged', 'recovered', 'recovered', 'recovered'],
  },
  {
    name: 'recovery point checkpoint is cut',
    damage: (root) =>
      edit(join(root, 'recovery-point-offset-checkpoint'), (text) => text.slice(0, -5)),
    events: ['checkpoint-damaged'],
  },
  {
    name: 'recovery point above the log end, unclean',
    damage: (root) =>
      writeFileSync(join(root, 'recovery-point-offset-checkpoint'), '0\n1\nt 0 99999\n'),
    unclean: true,
    events: ['recovered', 'recovered', 'recovered'],
  },
  {
    name: 'checkpoints name partitions that are not there',
    damage: (root) =>
      edit(join(root, 'recovery-point-offset-checkpoint'), (text) =>
        text.replace(/\n3\n/, '\n4\n').concat('gone 5 77\n'),
      ),
    events: [],
    check: async (data, root) => {
      await data.checkpoint();
      const text = readFileSync(join(root, 'recovery-point-offset-checkpoint'), 'utf8');
      expect(text).not.toContain('gone');
    },
  },
  {
    name: 'log start checkpoint is a directory',
    damage: (root) => {
      rmSync(join(root, 'log-start-offset-checkpoint'));
      mkdirSync(join(root, 'log-start-offset-checkpoint'));
    },
    refused: 'IO_FAILED',
  },
  {
    name: 'meta.properties is missing',
    damage: (root) => rmSync(join(root, 'meta.properties')),
    events: [],
    check: (data) => expect(data.identity.directoryId).toMatch(/^[\w-]{22}$/),
  },
  {
    name: 'meta.properties is empty',
    damage: (root) => writeFileSync(join(root, 'meta.properties'), ''),
    refused: 'CORRUPT_CHECKPOINT',
  },
  {
    name: 'meta.properties is of a version to come',
    damage: (root) =>
      edit(join(root, 'meta.properties'), (t) => t.replace('version=1', 'version=9')),
    refused: 'UNSUPPORTED_FORMAT',
  },
  {
    name: 'one bit of the catalog is flipped',
    damage: (root) => edit(join(root, 'varve-topics'), (t) => t.replace('1024', '1025')),
    refused: 'CORRUPT_CHECKPOINT',
  },
  {
    name: 'the catalog is cut',
    damage: (root) => edit(join(root, 'varve-topics'), (t) => t.slice(0, -10)),
    refused: 'CORRUPT_CHECKPOINT',
  },
  {
    name: 'the catalog is gone: topics are adopted with their ids, retention off',
    damage: (root) => rmSync(join(root, 'varve-topics')),
    events: ['topic-adopted'],
    check: (data, root) => {
      const { id, overrides } = data.describeTopic('t');
      expect(overrides).toEqual({ 'retention.ms': '-1', 'retention.bytes': '-1' });
      expect(readFileSync(join(root, 't-2/partition.metadata'), 'utf8')).toContain(id);
    },
  },
  {
    name: 'no catalog and a gap: as on a broker that holds some of the partitions',
    damage: (root) => {
      rmSync(join(root, 'varve-topics'));
      rmSync(join(root, 't-1'), { recursive: true });
    },
    events: ['topic-adopted'],
    found: [
      [0, 20],
      [0, 20],
    ],
    check: (data, root) => {
      expect(data.partitionCount('t')).toBe(3);
      expect(() => data.partition('t', 1)).toThrow(/2 of 3 partitions here/);
      expect(existsSync(join(root, 't-1'))).toBe(false);
    },
  },
  {
    name: 'directories that are no partitions, and files with such names',
    damage: (root) => {
      mkdirSync(join(root, 'lost+found'));
      mkdirSync(join(root, 't-01'));
      mkdirSync(join(root, '__cluster_metadata-0'));
      mkdirSync(join(root, 'remote-log-index-cache'));
      mkdirSync(join(root, `t-0.${HEX}-stray`));
      mkdirSync(join(root, `t-0.${HEX}-future`));
      writeFileSync(join(root, 'u-0'), 'a file');
    },
    events: [
      'directory-skipped',
      'directory-skipped',
      'directory-skipped',
      'directory-skipped',
      'unknown-directory',
      'unknown-directory',
    ],
    check: (_, root) => {
      for (const name of ['lost+found', 't-01', `t-0.${HEX}-stray`, `t-0.${HEX}-future`, 'u-0']) {
        expect(existsSync(join(root, name)), name).toBe(true);
      }
    },
  },
  {
    name: 'half-deleted: directories renamed, files not gone',
    damage: (root) => {
      mkdirSync(join(root, `old-0.${HEX}-delete`));
      writeFileSync(join(root, `old-0.${HEX}-delete`, '00000000000000000000.log'), 'x');
    },
    events: ['directory-removed'],
  },
  {
    name: 'half-created: in the catalog, one directory missing',
    damage: (root) => rmSync(join(root, 't-1'), { recursive: true }),
    events: ['topic-completed'],
    found: [
      [0, 20],
      [0, 0],
      [0, 20],
    ],
    check: (_, root) => {
      // What the checkpoint said of the lost partition must not hold for the new one.
      const text = () => readFileSync(join(root, 'log-start-offset-checkpoint'), 'utf8');
      expect(text()).toBe('0\n0\n');
    },
  },
  {
    name: 'half-created: an empty directory',
    damage: (root) => {
      rmSync(join(root, 't-2'), { recursive: true });
      mkdirSync(join(root, 't-2'));
    },
    events: ['metadata-rewritten'],
    found: [
      [0, 20],
      [7, 20],
      [0, 0],
    ],
  },
  {
    name: 'a file in the place of a partition',
    damage: (root) => {
      rmSync(join(root, 't-2'), { recursive: true });
      writeFileSync(join(root, 't-2'), 'a file');
    },
    events: ['partition-offline', 'topic-completed'],
    found: [[0, 20], [7, 20], null],
  },
  {
    name: 'partition.metadata is missing',
    damage: (root) => rmSync(join(root, 't-0/partition.metadata')),
    events: ['metadata-rewritten'],
    check: (data, root) =>
      expect(readFileSync(join(root, 't-0/partition.metadata'), 'utf8')).toContain(
        data.describeTopic('t').id,
      ),
  },
  {
    name: 'partition.metadata is rubbish',
    damage: (root) => writeFileSync(join(root, 't-0/partition.metadata'), '\0\0\0'),
    events: ['metadata-rewritten'],
  },
  {
    name: 'partition.metadata names another topic',
    damage: (root) =>
      edit(join(root, 't-0/partition.metadata'), (t) =>
        t.replace(/topic_id: .*/, 'topic_id: AAECAwQFBgcICQoLDA0ODw'),
      ),
    events: ['partition-offline'],
    found: [null, [7, 20], [0, 20]],
  },
  {
    name: 'a partition of the topic moved in',
    damage: (root) => renameSync(join(root, 't-2'), join(root, 't-5')),
    events: ['partitions-adopted', 'topic-completed'],
    found: [
      [0, 20],
      [7, 20],
      [0, 0],
      [0, 20],
    ],
    check: (data) => expect(data.partitionCount('t')).toBe(6),
  },
  {
    name: 'a log with rubbish in its clean part',
    damage: (root) => {
      const logs = readdirSync(join(root, 't-1'))
        .filter((file) => file.endsWith('.log'))
        .sort();
      const path = join(root, 't-1', logs.at(-1)!);
      const bytes = readFileSync(path);
      bytes.fill(0xee);
      writeFileSync(path, bytes);
    },
    events: ['partition-offline'],
    found: [[0, 20], null, [0, 20]],
  },
  {
    name: 'a partition left unclean by PartitionLog.open: only it is recovered',
    damage: async (root) => {
      const log = await PartitionLog.open({ directory: join(root, 't-0'), config: SETTINGS });
      await log.close();
      rmSync(join(root, 't-0/.kafka_cleanshutdown'));
    },
    events: ['recovered'],
    check: (_, root) => expect(existsSync(join(root, 't-0/.lock'))).toBe(false),
  },
  {
    name: 'records deleted through PartitionLog.open stay deleted',
    damage: async (root) => {
      const log = await PartitionLog.open({ directory: join(root, 't-0'), config: SETTINGS });
      await log.deleteRecordsBefore(13);
      log.append([{ value: 'more' }]);
      await log.close();
    },
    events: [],
    found: [
      [13, 21],
      [7, 20],
      [0, 20],
    ],
    check: (_, root) => {
      expect(readdirSync(join(root, 't-0'))).not.toContain('log-start-offset-checkpoint');
      expect(readdirSync(join(root, 't-0'))).not.toContain('.kafka_cleanshutdown');
    },
  },
];

let root: string;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'varve-damage-'));
  const data = await DataDirectory.open({ directory: root });
  await data.createTopic('t', { partitions: 3, config: SETTINGS });
  for (let p = 0; p < 3; p += 1) {
    const log = data.partition('t', p);
    for (let i = 0; i < 20; i += 1) {
      if (i % 5 === 0) log.roll();
      log.append([{ value: `value-${p}-${i}` }]);
    }
  }
  await data.partition('t', 1).deleteRecordsBefore(7);
  await data.close();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('a data directory with', () => {
  it.each(ROWS)('$name', async ({ damage, unclean, refused, found, events, check }) => {
    const mark = join(root, '.kafka_cleanshutdown');
    await damage(root);
    if (unclean) rmSync(mark);
    const seen: DataDirectoryEvent[] = [];
    const opening = DataDirectory.open({
      directory: root,
      topicDefaults: SETTINGS,
      onEvent: (event) => seen.push(event),
    });
    if (refused !== undefined) {
      await expect(opening).rejects.toMatchObject({ code: refused });
      expect(existsSync(mark)).toBe(true);
      return;
    }
    const data = await opening;
    try {
      expectFound(data, found ?? WHOLE);
      await check?.(data, root);
      await expect
        .poll(() =>
          seen
            .map(({ kind }) => kind)
            .filter((kind) => kind !== 'log')
            .sort(),
        )
        .toEqual(events);
      for (const { partition } of data.offline) {
        expect(() => data.partition('t', partition)).toThrow(
          expect.objectContaining({ code: 'PARTITION_OFFLINE' }),
        );
      }
    } finally {
      await data.close();
    }
    // What opening made of it stays so.
    const again = await DataDirectory.open({ directory: root, topicDefaults: SETTINGS });
    expectFound(again, found ?? WHOLE);
    await again.close();
  });

  it('a damaged partition leaves the others to work, and its files as they are', async () => {
    const path = firstLog(join(root, 't-0'));
    const before = readFileSync(path);
    writeFileSync(join(root, 't-0/partition.metadata'), `version: 0\ntopic_id: ${'B'.repeat(21)}A`);
    for (let round = 0; round < 3; round += 1) {
      const data = await DataDirectory.open({ directory: root });
      expect(data.wasClean).toBe(true);
      expect(data.offline).toMatchObject([{ topic: 't', partition: 0, isReadable: false }]);
      data.partition('t', 2).append([{ value: 'more' }]);
      expect(data.partition('t', 2).logEndOffset).toBe(21 + round);
      await data.close();
    }
    expect(readFileSync(path)).toEqual(before);
  });
});

function expectFound(data: DataDirectory, found: readonly (readonly [number, number] | null)[]) {
  const { partitions } = data.describeTopic('t');
  expect(
    partitions.map(({ isOnline, logStartOffset, logEndOffset }) =>
      isOnline ? [logStartOffset, logEndOffset] : null,
    ),
  ).toEqual(found);
  for (const { partition, isOnline } of partitions) {
    if (!isOnline) continue;
    const log = data.partition('t', partition);
    for (let offset = log.logStartOffset; offset < Math.min(20, log.logEndOffset); offset += 1) {
      const { value } = log.readRecord(offset, { checkCrcs: true })!;
      const from = partition === 5 ? 2 : partition;
      expect(Buffer.from(value!).toString()).toBe(`value-${from}-${offset}`);
    }
  }
}
