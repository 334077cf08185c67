import type { FetchMetadataAnswer } from '../metadata/controller-port.js';
import type { MetadataImage } from '../metadata/image.js';
import type { Timers } from '../timers.js';
import type { MetadataBatch } from './ports.js';

/** Batches kept in memory for brokers that are a little behind; who is further behind gets a snapshot. */
const MAX_KEPT_BATCHES = 2_000;
const MAX_KEPT_RECORDS = 20_000;

interface Waiter {
  answer(): void;
  reject(error: Error): void;
}

/** What brokers are told of the metadata: durable batches in order, at once or when there are some. */
export class MetadataFeed {
  readonly #timers: Timers;
  readonly #waiters = new Set<Waiter>();
  /** Gapless, up to the image's version. */
  #kept: MetadataBatch[] = [];
  #keptRecords = 0;
  /** Version before the first kept batch. */
  #keptFrom: number;
  #image: MetadataImage;

  constructor(timers: Timers, image: MetadataImage) {
    this.#timers = timers;
    this.#image = image;
    this.#keptFrom = image.version;
  }

  /** What is durable. */
  get image(): MetadataImage {
    return this.#image;
  }

  /** `image` is durable; it came about by `records`, none for a snapshot that says nothing new. */
  publish(batch: MetadataBatch, image: MetadataImage): void {
    this.#image = image;
    this.#kept.push(batch);
    this.#keptRecords += batch.records.length;
    if (this.#kept.length > MAX_KEPT_BATCHES || this.#keptRecords > MAX_KEPT_RECORDS) {
      this.#forgetHalf();
    }
    for (const waiter of [...this.#waiters]) waiter.answer();
  }

  /** Rejects when the feed is closed meanwhile. */
  fetch(fromVersion: number, maxWaitMs: number): Promise<FetchMetadataAnswer> {
    if (fromVersion !== this.#image.version) return Promise.resolve(this.#after(fromVersion));
    if (maxWaitMs <= 0) return Promise.resolve({ batches: [] });
    return new Promise((resolve, reject) => {
      const end = (): void => {
        cancel();
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter = {
        answer: () => {
          end();
          resolve(this.#image.version === fromVersion ? { batches: [] } : this.#after(fromVersion));
        },
        reject: (error) => {
          end();
          reject(error);
        },
      };
      const cancel = this.#timers.after(maxWaitMs, waiter.answer);
      this.#waiters.add(waiter);
    });
  }

  close(error: Error): void {
    for (const waiter of [...this.#waiters]) waiter.reject(error);
  }

  #after(fromVersion: number): FetchMetadataAnswer {
    const first =
      fromVersion === this.#keptFrom
        ? 0
        : this.#kept.findIndex(({ version }) => version === fromVersion) + 1;
    if (fromVersion === this.#keptFrom || first > 0) return { batches: this.#kept.slice(first) };
    // Too far behind, or with a version that this log never had: everything anew.
    const { version } = this.#image;
    return { batches: [{ records: this.#image.toRecords(), version }] };
  }

  #forgetHalf(): void {
    const gone = this.#kept.splice(0, Math.ceil(this.#kept.length / 2));
    this.#keptFrom = gone.at(-1)!.version;
    for (const { records } of gone) this.#keptRecords -= records.length;
  }
}
