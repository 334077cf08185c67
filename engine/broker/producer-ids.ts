import type { ControllerPort } from '../metadata/controller-port.js';

/** Ids for idempotent producers, out of blocks that the controller gives to no other broker. */
export class ProducerIds {
  readonly #allocate: () => Promise<{ readonly first: number; readonly count: number }>;
  #next = 0;
  #end = 0;
  #allocating: Promise<void> | null = null;

  constructor(
    controller: Pick<ControllerPort, 'allocateProducerIds'>,
    brokerId: number,
    brokerEpoch: () => number,
  ) {
    this.#allocate = () => controller.allocateProducerIds({ brokerId, brokerEpoch: brokerEpoch() });
  }

  /** An id that nobody had before. Rejects as the controller does. */
  next(): number | Promise<number> {
    return this.#next < this.#end ? this.#next++ : this.#nextOfNewBlock();
  }

  async #nextOfNewBlock(): Promise<number> {
    while (this.#next >= this.#end) {
      this.#allocating ??= this.#allocate()
        .then(({ first, count }) => {
          this.#next = first;
          this.#end = first + count;
        })
        .finally(() => {
          this.#allocating = null;
        });
      await this.#allocating;
    }
    return this.#next++;
  }
}
