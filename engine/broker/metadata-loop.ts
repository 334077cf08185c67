import { isVarveError } from '../errors.js';
import type { Clock } from '../io/port.js';
import type { ControllerPort, FetchMetadataAnswer } from '../metadata/controller-port.js';
import { MetadataImage } from '../metadata/image.js';
import type { Timers } from '../timers.js';
import type { BrokerEvent } from './events.js';
import { Pauses } from './pauses.js';

export interface MetadataLoopOptions {
  readonly controller: Pick<ControllerPort, 'fetchMetadata'>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Acts on what has changed. The next image comes when it has resolved; if it rejects, the same again. */
  readonly onImage: (image: MetadataImage) => Promise<void>;
  readonly onEvent: (event: BrokerEvent) => void;
}

/** How long the controller may hold a request while nothing changes. */
const MAX_WAIT_MS = 2000;
const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1000;

/** Follows the metadata log: every decision of the controller, in order, many at a time where there are many. */
export class MetadataLoop {
  readonly #options: MetadataLoopOptions;
  readonly #pauses: Pauses;
  #image = MetadataImage.EMPTY;
  #applying: Promise<void> = Promise.resolve();
  #isRunning = false;
  #stopped = false;

  constructor(options: MetadataLoopOptions) {
    this.#options = options;
    this.#pauses = new Pauses(options.timers);
  }

  /** Idempotent. */
  start(): void {
    if (this.#isRunning || this.#stopped) return;
    this.#isRunning = true;
    void this.#run();
  }

  /** Resolves when nothing is being acted on any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#pauses.stop();
    await this.#applying;
  }

  async #run(): Promise<void> {
    const { controller, onEvent } = this.#options;
    let retryMs = FIRST_RETRY_MS;
    while (!this.#stopped) {
      try {
        const fromVersion = this.#image.version;
        const answer = await controller.fetchMetadata({ fromVersion, maxWaitMs: MAX_WAIT_MS });
        if (this.#stopped) return;
        if (answer.batches.length > 0) {
          const applying = this.#apply(answer.batches);
          this.#applying = applying.catch(() => undefined);
          await applying;
        }
        retryMs = FIRST_RETRY_MS;
      } catch (cause) {
        if (this.#stopped) return;
        onEvent({ kind: 'metadata-failed', cause });
        await this.#pauses.pause(retryMs);
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      }
    }
  }

  async #apply(batches: FetchMetadataAnswer['batches']): Promise<void> {
    const { clock, onEvent, onImage } = this.#options;
    const startMs = clock.monotonic();
    let image = this.#image;
    try {
      for (const { records, version } of batches) image = image.apply(records, version);
    } catch (error) {
      // What is known and what came do not fit together: begin again from nothing.
      if (isVarveError(error, 'CORRUPT_MESSAGE')) this.#image = MetadataImage.EMPTY;
      throw error;
    }
    await onImage(image);
    this.#image = image;
    const durationMs = clock.monotonic() - startMs;
    onEvent({ kind: 'metadata-applied', version: image.version, durationMs });
  }
}
