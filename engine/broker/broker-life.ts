import type { BrokerHeartbeatAnswer, ControllerPort } from '../metadata/controller-port.js';
import type { Timers } from '../timers.js';
import type { BrokerConfig } from './broker-config.js';
import type { BrokerEvent } from './events.js';
import { Pauses } from './pauses.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface BrokerLifeOptions {
  readonly brokerId: number;
  readonly controller: Pick<ControllerPort, 'registerBroker' | 'heartbeat'>;
  readonly timers: Timers;
  readonly config: () => BrokerConfig;
  /** How far this broker has applied the metadata. */
  readonly version: () => number;
  readonly offline: () => readonly { readonly topicId: string; readonly partition: number }[];
  readonly onEvent: (event: BrokerEvent) => void;
}

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;
/** While it stops, a broker asks often whether it may: leaders move within milliseconds. */
const STOPPING_BEAT_MS = 25;

/**
 * A broker's standing with the controller: registration, heartbeats, and leave to stop. When another registration
 * has taken its id over, it registers again. Kafka: BrokerLifecycleManager.
 */
export class BrokerLife {
  readonly #options: BrokerLifeOptions;
  readonly #pauses: Pauses;
  #brokerEpoch = -1;
  #endpoint: Endpoint | null = null;
  #isFenced = true;
  #isBeating = false;
  #beatsAgain = false;
  #cancelBeat: () => void = () => undefined;
  #mayShutDown: (() => void) | null = null;
  #stopped = false;

  constructor(options: BrokerLifeOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.timers);
  }

  /** Of the present registration; -1 before the first. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  get isFenced(): boolean {
    return this.#isFenced;
  }

  /**
   * Registers, trying again while the controller cannot be reached, and begins to send heartbeats. Rejects with
   * what the controller said last after `initial.broker.registration.timeout.ms`.
   */
  async register(endpoint: Endpoint, wasCleanStop: boolean): Promise<void> {
    this.#endpoint = endpoint;
    const { config, timers } = this.#options;
    let isLate = false;
    const cancel = timers.after(config().initialBrokerRegistrationTimeoutMs, () => {
      isLate = true;
    });
    try {
      await this.#register(wasCleanStop, () => isLate);
    } finally {
      cancel();
    }
    this.beat();
  }

  /** Sends a heartbeat now, or right after the one under way. */
  beat(): void {
    if (this.#stopped || this.#brokerEpoch < 0) return;
    if (this.#isBeating) {
      this.#beatsAgain = true;
      return;
    }
    this.#cancelBeat();
    this.#isBeating = true;
    const { brokerId, controller, offline, onEvent, version } = this.#options;
    controller
      .heartbeat({
        brokerId,
        brokerEpoch: this.#brokerEpoch,
        version: version(),
        wantsShutdown: this.#mayShutDown !== null,
        offline: offline(),
      })
      .then((answer) => this.#answered(answer))
      .then(
        () => this.#beatLater(this.#options.config().brokerHeartbeatIntervalMs),
        (cause: unknown) => {
          if (this.#stopped) return;
          onEvent({ kind: 'heartbeat-failed', cause });
          const interval = this.#options.config().brokerHeartbeatIntervalMs;
          this.#beatLater(Math.min(interval, LONGEST_RETRY_MS / 2));
        },
      );
  }

  /** Asks to stop. Resolves with true when the controller agrees, with false after `timeoutMs`. */
  requestShutdown(timeoutMs: number): Promise<boolean> {
    if (this.#stopped || this.#brokerEpoch < 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(timeoutMs, () => {
        this.#mayShutDown = null;
        resolve(false);
      });
      this.#mayShutDown = () => {
        this.#mayShutDown = null;
        cancel();
        resolve(true);
      };
      this.beat();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelBeat();
    this.#pauses.stop();
  }

  async #register(wasCleanStop: boolean, isLate: () => boolean): Promise<void> {
    const { brokerId, config, controller, onEvent } = this.#options;
    const { host, port } = this.#endpoint as Endpoint;
    const rack = config().brokerRack;
    for (let retryMs = FIRST_RETRY_MS; !this.#stopped; retryMs *= 2) {
      try {
        const request = { brokerId, host, port, rack, wasCleanStop };
        const { brokerEpoch } = await controller.registerBroker(request);
        this.#brokerEpoch = brokerEpoch;
        this.#isFenced = true;
        onEvent({ kind: 'registered', brokerEpoch, wasCleanStop });
        return;
      } catch (cause) {
        onEvent({ kind: 'registration-failed', cause });
        if (isLate()) throw cause;
      }
      await this.#pauses.pause(Math.min(retryMs, LONGEST_RETRY_MS));
    }
  }

  async #answered(answer: BrokerHeartbeatAnswer): Promise<void> {
    if (this.#stopped) return;
    const { onEvent, version } = this.#options;
    if (answer.isStale) {
      onEvent({ kind: 'stale', brokerEpoch: this.#brokerEpoch });
      // This process went on all the time: what it holds is whole.
      await this.#register(true, () => false);
      this.#beatsAgain = true;
      return;
    }
    if (answer.isFenced !== this.#isFenced) {
      this.#isFenced = answer.isFenced;
      onEvent(answer.isFenced ? { kind: 'fenced' } : { kind: 'unfenced', version: version() });
    }
    if (answer.mayShutDown) this.#mayShutDown?.();
  }

  #beatLater(delayMs: number): void {
    this.#isBeating = false;
    if (this.#stopped) return;
    if (this.#beatsAgain) {
      this.#beatsAgain = false;
      this.beat();
      return;
    }
    const soon = this.#mayShutDown === null ? delayMs : Math.min(delayMs, STOPPING_BEAT_MS);
    this.#cancelBeat = this.#options.timers.after(soon, () => this.beat());
  }
}
