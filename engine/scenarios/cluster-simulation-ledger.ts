import { baseOffset, isControl, lastOffset, sizeInBytes } from '../format/batch-header.js';
import { readRecords } from '../format/batch-reader.js';
import type { PartitionLog } from '../log/partition-log.js';
import type { MetadataImage } from '../metadata/image.js';
import type { SimulatedBroker } from '../testing/simulated-broker.js';
import type { SimulatedWorld } from '../testing/simulated-world.js';

const READ_BYTES = 1024 * 1024;

interface Batch {
  readonly base: number;
  /** Offset after the last record. */
  readonly end: number;
  readonly bytes: Buffer;
}

/** What is known to be committed in one partition, and what was promised of it. */
export class PartitionHistory {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly batches: Batch[] = [];
  /** Everything below is committed. */
  end = 0;
  /** Value of each committed record that a producer gave a name to. */
  readonly values = new Map<number, string>();
  /** Number of the last record of each producer that does not repeat itself. */
  readonly #numbers = new Map<string, number>();
  /** Acknowledged with acks=all and not seen below a high watermark yet, by offset. */
  readonly promised = new Map<number, string>();
  /**
   * Replicas that lost power and have not registered since. One that is not in the ISR may be on its way into it: its
   * leader has asked for that, and the controller may have decided it without having told anybody.
   */
  readonly tainted = new Set<number>();
  /** Why records may be lost here, or null: an unclean election, or an ISR that lost power as a whole. */
  lossy: string | null = null;

  constructor(topic: string, topicId: string, partition: number) {
    this.topic = topic;
    this.topicId = topicId;
    this.partition = partition;
  }

  get name(): string {
    return `${this.topic}-${this.partition}`;
  }

  /** The committed batch with this offset. */
  at(offset: number): Batch | null {
    let low = 0;
    let high = this.batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const batch = this.batches[middle]!;
      if (offset < batch.base) high = middle - 1;
      else if (offset >= batch.end) low = middle + 1;
      else return batch;
    }
    return null;
  }

  /** Adds a batch at the end. Returns what is wrong with it, or null. */
  commit(bytes: Buffer, view: DataView, at: number): { rule: string; what: string } | null {
    const base = baseOffset(view, at);
    const end = lastOffset(view, at) + 1;
    const copy = Buffer.from(bytes.subarray(at, at + sizeInBytes(view, at)));
    this.batches.push({ base, end, bytes: copy });
    this.end = end;
    if (isControl(view, at) || this.topic.startsWith('__')) return null;
    for (const record of readRecords(bytes, at)) {
      const value = Buffer.from(record.value ?? []).toString();
      this.values.set(record.offset, value);
      const promised = this.promised.get(record.offset);
      if (promised !== undefined && promised !== value) {
        const what = `${this.name} offset ${record.offset} was acknowledged as ${promised} and is ${value}`;
        return { rule: 'no acknowledged record is lost', what };
      }
      this.promised.delete(record.offset);
      const wrong = this.#follows(value, record.offset);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  /** `producer:number`; of a producer whose name starts with `~` records may come twice or not at all. */
  #follows(value: string, offset: number): { rule: string; what: string } | null {
    const colon = value.indexOf(':');
    const producer = value.slice(0, colon);
    if (colon < 0 || producer.startsWith('~')) return null;
    const number = Number(value.slice(colon + 1));
    const before = this.#numbers.get(producer) ?? -1;
    this.#numbers.set(producer, number);
    if (number === before + 1) return null;
    const rule = number <= before ? 'no duplicates and the order kept' : 'no gaps';
    return { rule, what: `${this.name} offset ${offset} is ${value} after ${producer}:${before}` };
  }
}

interface Verified {
  /** Offset up to which this log is the same as the others. */
  to: number;
}

/** Empty where the disk does not let it be read. */
function tryRead(log: PartitionLog, offset: number): Buffer {
  try {
    return log.read(offset, { maxBytes: READ_BYTES, isolation: 'log_end' }).bytes;
  } catch {
    return NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

/** What clients were told, held against what replicas have. Finds each broken promise at the first sight of it. */
export class Ledger {
  readonly #world: SimulatedWorld;
  readonly #brokers: readonly SimulatedBroker[];
  readonly #image: () => MetadataImage | null;
  readonly histories = new Map<string, PartitionHistory>();
  readonly #verified = new WeakMap<PartitionLog, Verified>();
  /** Broker by `topicId/partition/epoch`. */
  readonly #leaders = new Map<string, number>();
  #lastVersion = -1;
  /** Records acknowledged with acks=all. */
  acknowledged = 0;
  consumed = 0;
  lossy = 0;

  constructor(
    world: SimulatedWorld,
    brokers: readonly SimulatedBroker[],
    image: () => MetadataImage | null,
  ) {
    this.#world = world;
    this.#brokers = brokers;
    this.#image = image;
  }

  history(topic: string, topicId: string, partition: number): PartitionHistory {
    const key = `${topicId}/${partition}`;
    let history = this.histories.get(key);
    if (history === undefined) {
      history = new PartitionHistory(topic, topicId, partition);
      this.histories.set(key, history);
    }
    return history;
  }

  /** As the controller has it; -1: no such partition. */
  leaderEpochOf({ topicId, partition }: PartitionHistory): number {
    return this.#image()?.topicById(topicId)?.partitions[partition]?.leaderEpoch ?? -1;
  }

  /** Records may be lost here from now on. */
  giveUp(history: PartitionHistory, why: string): void {
    if (history.lossy !== null) return;
    history.lossy = why;
    history.promised.clear();
    this.lossy += 1;
    this.#world.trace(`${history.name} may lose records: ${why}`);
  }

  /** All brokers and partitions, as they are at this moment. */
  inspect(): void {
    this.followIsr();
    for (const broker of this.#brokers) {
      const { node, process } = broker;
      if (node === null || process === null) continue;
      for (const {
        topic,
        topicId,
        partition,
        highWatermark,
        logEndOffset,
      } of node.replicas.partitions()) {
        if (logEndOffset < 0) continue;
        const history = this.history(topic, topicId, partition);
        this.#inspectReplica(broker, history, highWatermark, logEndOffset);
      }
    }
    this.#inspectIsr();
  }

  /** Just this one. */
  inspectOf(broker: SimulatedBroker, topic: string, partition: number): void {
    const status = broker.node?.partition(topic, partition);
    if (!status || status.logEndOffset < 0) return;
    const history = this.history(topic, status.topicId, partition);
    this.#inspectReplica(broker, history, status.highWatermark, status.logEndOffset);
  }

  #inspectReplica(
    broker: SimulatedBroker,
    history: PartitionHistory,
    highWatermark: number,
    logEndOffset: number,
  ): void {
    if (history.lossy !== null) return;
    let log: PartitionLog | undefined;
    try {
      log = broker.node?.directory.partition(history.topic, history.partition);
    } catch {
      return;
    }
    if (log === undefined || log.isClosed) return;
    let verified = this.#verified.get(log);
    if (verified === undefined) {
      verified = { to: 0 };
      this.#verified.set(log, verified);
    }
    if (verified.to === highWatermark) return;
    if (logEndOffset < verified.to) {
      const what = `${broker.host} cut ${history.name} to ${logEndOffset}, committed up to ${verified.to}`;
      this.#world.violate('what is committed is not cut', what);
      return;
    }
    while (verified.to < highWatermark) {
      const bytes = tryRead(log, verified.to);
      if (bytes.length === 0) break;
      const to = this.#compare(broker, history, bytes, verified.to, highWatermark);
      if (to <= verified.to) break;
      verified.to = to;
    }
  }

  /** Returns the offset up to which they are the same. */
  #compare(
    broker: SimulatedBroker,
    history: PartitionHistory,
    bytes: Buffer,
    from: number,
    to: number,
  ): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let verified = from;
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const base = baseOffset(view, at);
      const end = lastOffset(view, at) + 1;
      if (base >= to) break;
      if (end <= from) continue;
      if (end > to) {
        this.#world.violate(
          'whole batches',
          `${broker.host} ${history.name}: ${to} is inside a batch`,
        );
        return verified;
      }
      if (base >= history.end) {
        const wrong = history.commit(bytes, view, at);
        if (wrong !== null) {
          this.#world.violate(wrong.rule, `${wrong.what} (${broker.host})`);
          return verified;
        }
      } else {
        const known = history.at(base);
        const size = sizeInBytes(view, at);
        const isSame =
          known !== null &&
          known.base === base &&
          known.bytes.equals(bytes.subarray(at, at + size));
        if (!isSame) {
          const what = `${broker.host} has something else in ${history.name} at ${base}`;
          this.#world.violate('replicas are identical below the high watermark', what);
          return verified;
        }
      }
      verified = end;
    }
    return verified;
  }

  /** To be called with each version of the metadata: an ISR whose members have all lost power in it may have lost anything. */
  followIsr(): void {
    const image = this.#image();
    if (image === null || image.version === this.#lastVersion) return;
    this.#lastVersion = image.version;
    for (const history of this.histories.values()) {
      const { tainted } = history;
      if (tainted.size === 0) continue;
      const isr = image.topicById(history.topicId)?.partitions[history.partition]?.isr ?? [];
      if (isr.length > 0 && isr.every((id) => tainted.has(id))) {
        this.giveUp(history, `all of its ISR ${isr} lost power`);
      }
    }
  }

  /** Whoever may be elected has everything that was committed. */
  #inspectIsr(): void {
    const image = this.#image();
    if (image === null) return;
    for (const broker of this.#brokers) {
      const { node, brokerId } = broker;
      // Until it has registered, this is about its life before.
      if (node === null || node.brokerEpoch < 0) continue;
      if (image.brokers.get(brokerId)?.brokerEpoch !== node.brokerEpoch) continue;
      for (const { topic, topicId, partition, logEndOffset, role } of node.replicas.partitions()) {
        if (role === 'offline' || role === 'none' || logEndOffset < 0) continue;
        const history = this.histories.get(`${topicId}/${partition}`);
        if (history === undefined || history.lossy !== null) continue;
        if (logEndOffset >= history.end || history.tainted.has(brokerId)) continue;
        const state = image.topics.get(topic)?.partitions[partition];
        if (image.topics.get(topic)?.topicId !== topicId || !state?.isr.includes(brokerId))
          continue;
        const what = `${broker.host} is in the ISR of ${history.name} with ${logEndOffset} of ${history.end} committed`;
        this.#world.violate('the ISR has what is committed', what);
        return;
      }
    }
  }

  /** Whether the partition keeps its records when this broker's machine loses what it has not synced. */
  survivesWithout(brokerId: number): boolean {
    const image = this.#image();
    if (image === null) return false;
    for (const topic of image.topics.values()) {
      for (const [partition, { isr }] of topic.partitions.entries()) {
        if (!isr.includes(brokerId)) continue;
        const { tainted } = this.history(topic.name, topic.topicId, partition);
        if (!isr.some((id) => id !== brokerId && !tainted.has(id))) return false;
      }
    }
    return true;
  }

  powerFailed(brokerId: number): void {
    const image = this.#image();
    if (image === null) return;
    for (const topic of image.topics.values()) {
      for (const [partition, { replicas }] of topic.partitions.entries()) {
        if (!replicas.includes(brokerId)) continue;
        this.history(topic.name, topic.topicId, partition).tainted.add(brokerId);
      }
    }
    this.#lastVersion = -1;
    this.followIsr();
  }

  /** A new life of this broker is known to the controller, fenced still: it is in an ISR only where nobody else is. */
  registered(brokerId: number): void {
    const image = this.#image();
    if (image === null) return;
    for (const history of this.histories.values()) {
      if (!history.tainted.has(brokerId)) continue;
      const isr = image.topicById(history.topicId)?.partitions[history.partition]?.isr ?? [];
      if (!isr.includes(brokerId)) {
        history.tainted.delete(brokerId);
      } else if (isr.length > 1 && history.lossy === null) {
        const what = `b${brokerId} has lost power and is in the ISR ${isr} of ${history.name}`;
        this.#world.violate('who lost power leaves the ISR', what);
      }
    }
  }

  leads(brokerId: number, topic: string, topicId: string, partition: number, epoch: number): void {
    const key = `${topicId}/${partition}/${epoch}`;
    const other = this.#leaders.get(key) ?? brokerId;
    this.#leaders.set(key, brokerId);
    if (other === brokerId) return;
    const what = `${topic}-${partition} epoch ${epoch} is led by ${other} and by ${brokerId}`;
    this.#world.violate('one leader in an epoch', what);
  }

  /** A broker answers a produce request with acks=all: the records must be below its high watermark. */
  answeredProduce(
    broker: SimulatedBroker,
    topic: string,
    partition: number,
    baseOffset: number,
    count: number,
  ): void {
    this.inspectOf(broker, topic, partition);
    const status = broker.node?.partition(topic, partition);
    if (!status) return;
    const history = this.history(topic, status.topicId, partition);
    if (history.lossy !== null || status.highWatermark >= baseOffset + count) return;
    // Another leader may have committed it, if this one is not the leader any more.
    if (history.end >= baseOffset + count) return;
    const what = `${broker.host} acknowledged ${topic}-${partition} up to ${baseOffset + count}, committed up to ${history.end}`;
    this.#world.violate('acks=all means committed', what);
  }

  /** A client has been told that its records are committed. */
  acknowledgedBy(history: PartitionHistory, baseOffset: number, values: readonly string[]): void {
    this.acknowledged += values.length;
    if (history.lossy !== null) return;
    for (const [i, value] of values.entries()) {
      const offset = baseOffset + i;
      if (offset >= history.end) {
        history.promised.set(offset, value);
        continue;
      }
      const found = history.values.get(offset);
      if (found === value) continue;
      const what = `${history.name} offset ${offset} was acknowledged as ${value} and is ${found}`;
      this.#world.violate('no acknowledged record is lost', what);
    }
  }

  /** A consumer has been given these batches. Returns the offset after the last, or `position`. */
  consumedBy(history: PartitionHistory, bytes: Buffer, position: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let next = position;
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const base = baseOffset(view, at);
      const end = lastOffset(view, at) + 1;
      const size = sizeInBytes(view, at);
      if (history.lossy === null) {
        const known = history.at(base);
        if (known !== null && !known.bytes.equals(bytes.subarray(at, at + size))) {
          const what = `a consumer of ${history.name} got something else at ${base}`;
          this.#world.violate('what was read stays', what);
        }
        if (base > next) {
          this.#world.violate('nothing is left out', `${history.name}: ${base} after ${next}`);
        }
      }
      if (end > next) {
        this.consumed += end - Math.max(next, base);
        next = end;
      }
    }
    return next;
  }

  /** A broker serves these batches to a consumer: all must be committed. */
  served(broker: SimulatedBroker, topic: string, partition: number, bytes: Buffer): void {
    this.inspectOf(broker, topic, partition);
    const status = broker.node?.partition(topic, partition);
    if (!status || bytes.length === 0) return;
    const history = this.history(topic, status.topicId, partition);
    if (history.lossy !== null) return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < bytes.length; at += sizeInBytes(view, at)) {
      const known = history.at(baseOffset(view, at));
      const size = sizeInBytes(view, at);
      if (known?.bytes.equals(bytes.subarray(at, at + size))) continue;
      const what = `${broker.host} served ${history.name} at ${baseOffset(view, at)}, committed up to ${history.end}`;
      this.#world.violate('consumers read what is committed', what);
      return;
    }
  }
}
