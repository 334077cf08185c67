import { Controller, type ControllerEvent, type ControllerOptions } from '../cluster/controller.js';
import { uuidFromBytes } from '../format/uuid.js';
import type { BrokerHeartbeatAnswer, CreateTopicAnswer } from '../metadata/controller-port.js';
import type { PartitionState } from '../metadata/records.js';
import { MemoryMetadataLog } from './memory-metadata-log.js';
import { Random } from './random.js';
import { SimulatedClock } from './simulated-clock.js';
import { SimulatedTimers } from './simulated-timers.js';

/** A controller on simulated time with a log in memory, and short ways to drive it. */
export class TestController {
  readonly controller: Controller;
  readonly log: MemoryMetadataLog;
  readonly clock: SimulatedClock;
  readonly timers: SimulatedTimers;
  readonly events: ControllerEvent[];
  readonly epochs = new Map<number, number>();

  private constructor(
    controller: Controller,
    log: MemoryMetadataLog,
    clock: SimulatedClock,
    timers: SimulatedTimers,
    events: ControllerEvent[],
  ) {
    this.controller = controller;
    this.log = log;
    this.clock = clock;
    this.timers = timers;
    this.events = events;
  }

  static async open(
    options: Partial<ControllerOptions> & {
      log?: MemoryMetadataLog;
      timers?: SimulatedTimers;
    } = {},
  ): Promise<TestController> {
    const log = options.log ?? new MemoryMetadataLog();
    const clock = new SimulatedClock();
    const timers = new SimulatedTimers(clock);
    const random = new Random(7);
    const events: ControllerEvent[] = [];
    const controller = await Controller.open({
      clock,
      validateConfig: () => null,
      random: () => random.float(),
      newTopicId: () => uuidFromBytes(random.bytes(16)),
      onEvent: (event) => events.push(event),
      ...options,
      log,
      timers,
    });
    return new TestController(controller, log, clock, timers, events);
  }

  /** Registers a broker and lets it catch up. */
  async start(
    brokerId: number,
    o: { wasCleanStop?: boolean; rack?: string } = {},
  ): Promise<number> {
    const epoch = await this.register(brokerId, o);
    await this.beat(brokerId);
    return epoch;
  }

  async startAll(...brokerIds: number[]): Promise<void> {
    for (const brokerId of brokerIds) await this.start(brokerId);
  }

  async register(
    brokerId: number,
    { wasCleanStop = true, rack = null as string | null } = {},
  ): Promise<number> {
    const { brokerEpoch } = await this.controller.registerBroker({
      brokerId,
      host: '127.0.0.1',
      port: 9000 + brokerId,
      rack,
      wasCleanStop,
    });
    this.epochs.set(brokerId, brokerEpoch);
    return brokerEpoch;
  }

  beat(
    brokerId: number,
    o: {
      wantsShutdown?: boolean;
      version?: number;
      offline?: { topicId: string; partition: number }[];
    } = {},
  ): Promise<BrokerHeartbeatAnswer> {
    return this.controller.heartbeat({
      brokerId,
      brokerEpoch: this.epochs.get(brokerId) ?? -1,
      version: o.version ?? this.controller.image.version,
      wantsShutdown: o.wantsShutdown ?? false,
      offline: o.offline ?? [],
    });
  }

  async create(
    name: string,
    o: {
      partitions?: number;
      replicationFactor?: number;
      assignments?: number[][];
      config?: Record<string, string>;
      validateOnly?: boolean;
    } = {},
  ): Promise<CreateTopicAnswer> {
    const isManual = o.assignments !== undefined;
    const [answer] = await this.controller.createTopics({
      topics: [
        {
          name,
          partitions: o.partitions ?? (isManual ? -1 : 1),
          replicationFactor: o.replicationFactor ?? (isManual ? -1 : 1),
          assignments: o.assignments ?? null,
          config: o.config ?? {},
        },
      ],
      validateOnly: o.validateOnly ?? false,
    });
    return answer!;
  }

  partition(topic: string, partition = 0): PartitionState {
    const state = this.controller.image.partition(topic, partition);
    if (state === undefined) throw new Error(`there is no ${topic}-${partition}`);
    return state;
  }

  /** The leader, as it knows the partition now, asks for another ISR. */
  async alterIsr(
    topic: string,
    isr: number[],
    o: {
      partition?: number;
      from?: number;
      leaderEpoch?: number;
      partitionEpoch?: number;
      brokerEpoch?: number;
      isRecovering?: boolean;
      epochs?: Record<number, number>;
    } = {},
  ) {
    const partition = o.partition ?? 0;
    const state = this.partition(topic, partition);
    const brokerId = o.from ?? state.leader;
    const [answer] = await this.controller.alterPartitions({
      brokerId,
      brokerEpoch: o.brokerEpoch ?? this.epochs.get(brokerId) ?? -1,
      changes: [
        {
          topicId: this.controller.image.topics.get(topic)!.topicId,
          partition,
          leaderEpoch: o.leaderEpoch ?? state.leaderEpoch,
          partitionEpoch: o.partitionEpoch ?? state.partitionEpoch,
          newIsr: isr.map((id) => ({
            brokerId: id,
            brokerEpoch: o.epochs?.[id] ?? this.epochs.get(id) ?? -1,
          })),
          isRecovering: o.isRecovering ?? false,
        },
      ],
    });
    return answer!;
  }
}
