import {
  type ClusterView,
  clusterView,
  EARLIEST,
  listOffsets,
  partitionKey,
} from '../client/cluster-view.js';
import { type KafkaClient, withClient } from '../client/kafka-client.js';
import { plural } from '../progress.js';
import { interruptSignal, UsageError } from '../run-program.js';
import { type Fetched, FetchLoop, type Position } from './fetch-loop.js';
import type { ConsumeFlags } from './flags.js';
import { GroupMember } from './group-member.js';
import { RecordPrinter } from './record-printer.js';
import { type OffsetOf, Places } from './start-and-stop.js';

/** Prints records of topics. */
export async function consume(topics: readonly string[], flags: ConsumeFlags): Promise<void> {
  checkFlags(flags);
  const signal = interruptSignal();
  await withClient(flags, (client) =>
    flags.group === undefined
      ? consumeAlone(client, topics, flags, signal)
      : consumeInGroup(client, flags.group, topics, flags, signal),
  );
  signal.throwIfAborted();
}

function checkFlags({ group, from, partition, commit }: ConsumeFlags): void {
  if (group === undefined) {
    if (!commit) throw new UsageError('--no-commit goes with --group');
    return;
  }
  if (partition !== undefined) {
    throw new UsageError('--partition does not go with --group, which shares partitions out');
  }
  if (from !== undefined && from.at !== 'beginning' && from.at !== 'end') {
    throw new UsageError(
      '--from with --group is beginning or end, for partitions without a commit; varve group reset moves a group',
    );
  }
}

async function consumeAlone(
  client: KafkaClient,
  topics: readonly string[],
  flags: ConsumeFlags,
  signal: AbortSignal,
): Promise<void> {
  const view = await clusterView(client, [...new Set(topics)]);
  const places = new Places(client, isolationOf(flags));
  const [start, stop] = await Promise.all([
    places.start(view, flags.from ?? { at: 'end' }),
    places.stop(view, flags.until),
  ]);
  const positions: Position[] = [];
  for (const { topic, partition } of wantedPartitions(view, flags)) {
    const [offset, stopOffset] = [start(topic, partition), stop(topic, partition)];
    positions.push({ topic, partition, offset, stopOffset });
  }
  const loop = new FetchLoop(client, {
    isolation: isolationOf(flags),
    signal,
    onOutOfRange: (position) => movedStart(client, view, position),
  });
  loop.assign(positions);
  const session = new Session(client, loop, flags);
  try {
    while (!session.isDone && !signal.aborted) {
      await session.take(await orAborted(loop.next(), signal));
      await session.watchTime(view);
    }
  } finally {
    await session.end();
  }
}

async function consumeInGroup(
  client: KafkaClient,
  group: string,
  topics: readonly string[],
  flags: ConsumeFlags,
  signal: AbortSignal,
): Promise<void> {
  const names = [...new Set(topics)];
  const view = await clusterView(client, names);
  const places = new Places(client, isolationOf(flags));
  const fallback = flags.from ?? { at: 'end' };
  const stop: OffsetOf = await places.stop(view, flags.until);
  const member = await GroupMember.join(client, group, names, { doesCommit: flags.commit, signal });
  const loop = new FetchLoop(client, {
    isolation: isolationOf(flags),
    signal,
    onOutOfRange: async ({ topic, partition }) => {
      const start = await places.start(await clusterView(client, [topic]), fallback);
      return start(topic, partition);
    },
  });
  const session = new Session(client, loop, flags);
  member.commitsWhatIsPrinted(() => session.printed);
  try {
    while (!signal.aborted) {
      const assignment = member.newAssignment();
      if (assignment !== null) {
        await session.flush();
        const committed = await member.committed(assignment);
        const isFresh = assignment.some(
          ({ topic, partition }) => !committed.has(partitionKey(topic, partition)),
        );
        const start = isFresh
          ? await places.start(await clusterView(client, names), fallback)
          : null;
        loop.assign(
          assignment.map(({ topic, partition }) => ({
            topic,
            partition,
            offset: committed.get(partitionKey(topic, partition)) ?? start?.(topic, partition) ?? 0,
            stopOffset: stop(topic, partition),
          })),
        );
      }
      if (session.isDone) break;
      await session.take(await orAborted(loop.next(), signal));
      await member.commitSometimes();
      await session.watchTime(view);
    }
  } catch (error) {
    await session.end();
    await member.leave();
    throw error;
  }
  await session.end();
  await member.commitAndLeave();
}

function isolationOf({ isolation }: ConsumeFlags): 0 | 1 {
  return isolation === 'read_committed' ? 1 : 0;
}

function* wantedPartitions(
  { topics }: ClusterView,
  { partition: only }: ConsumeFlags,
): Generator<{ topic: string; partition: number }> {
  for (const { name: topic, partitions } of topics) {
    for (const partition of only ?? partitions.keys()) {
      if (partition >= partitions.length) {
        const count = plural(partitions.length, 'partition');
        throw new UsageError(`--partition ${partition}: ${topic} has ${count}, from 0`);
      }
      yield { topic, partition };
    }
  }
}

/** Retention or a deletion took what was to be read next: Kafka's earliest. */
async function movedStart(
  client: KafkaClient,
  view: ClusterView,
  { topic, partition, offset }: Position,
): Promise<number | null> {
  const at = partitionKey(topic, partition);
  const starts = await listOffsets(client, view, (name, number) =>
    name === topic && number === partition ? EARLIEST : undefined,
  );
  const start = starts.get(at);
  if (start === undefined || start <= offset) return null;
  process.stderr.write(`varve: ${at}: records from ${offset} to ${start - 1} are deleted\n`);
  return start;
}

/** An interruption ends the wait, and is no error here. */
async function orAborted(fetched: Promise<Fetched[]>, signal: AbortSignal): Promise<Fetched[]> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<Fetched[]>((resolve) => {
    stop = () => resolve([]);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([fetched, aborted]);
  } catch (error) {
    if (signal.aborted) return [];
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Prints what is fetched until it is enough. */
class Session {
  readonly #client: KafkaClient;
  readonly #loop: FetchLoop;
  readonly #flags: ConsumeFlags;
  readonly #printer: RecordPrinter;
  #left: number;
  #hasWatchedTime = false;

  constructor(client: KafkaClient, loop: FetchLoop, flags: ConsumeFlags) {
    this.#client = client;
    this.#loop = loop;
    this.#flags = flags;
    this.#printer = new RecordPrinter(flags);
    this.#left = flags.count ?? Number.POSITIVE_INFINITY;
  }

  get isDone(): boolean {
    return this.#left === 0 || (this.#flags.until !== undefined && this.#loop.isAtEnd);
  }

  /** How far each partition has been printed. */
  get printed(): Iterable<Position> {
    return this.#loop.positions;
  }

  async take(fetched: readonly Fetched[]): Promise<void> {
    const { until } = this.#flags;
    const lastTimeMs = until?.at === 'time' ? until.timestampMs : Number.POSITIVE_INFINITY;
    for (const { position, records, nextOffset } of fetched) {
      const { topic, partition } = position;
      for (const record of records) {
        if (this.#left === 0) return this.flush();
        if (record.timestamp >= lastTimeMs) {
          position.stopOffset = Math.min(position.stopOffset, record.offset);
        }
        if (record.offset >= position.stopOffset) break;
        this.#printer.print(topic, partition, record);
        this.#left -= 1;
        position.offset = record.offset + 1;
        if (this.#printer.isFull) await this.#printer.flush();
      }
      // The rest up to there are markers and what transactions took back.
      if (this.#left > 0) position.offset = Math.max(position.offset, nextOffset);
      if (position.offset > position.stopOffset) position.offset = position.stopOffset;
    }
    await this.flush();
  }

  /** A time that had not come when reading began comes while nothing arrives, too. */
  async watchTime(view: ClusterView): Promise<void> {
    const { until } = this.#flags;
    if (until?.at !== 'time' || this.#hasWatchedTime || Date.now() < until.timestampMs) return;
    this.#hasWatchedTime = true;
    const stop = await new Places(this.#client, isolationOf(this.#flags)).stop(view, until);
    for (const position of this.#loop.positions) {
      const { topic, partition, stopOffset } = position;
      position.stopOffset = Math.min(stopOffset, stop(topic, partition));
    }
  }

  flush(): Promise<void> {
    return this.#printer.flush();
  }

  /** What has been taken is printed, whatever ended it. */
  end(): Promise<void> {
    return this.#printer.flush();
  }
}
