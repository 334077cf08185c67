import type { Readable } from 'node:stream';

const KEPT_CHARACTERS = 4_000;

/** The end of what processes wrote: told when they fail. */
export class LastWords {
  #text = '';

  get text(): string {
    return this.#text.trim();
  }

  listenTo(stream: Readable | null): void {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#text = (this.#text + chunk).slice(-KEPT_CHARACTERS);
    });
  }
}
