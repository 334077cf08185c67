import type { LiveMessage } from './message.js';

/** What somebody who joins late must be told to see what everybody sees: all that lasts, and the current cell's samples. */
export class History {
  readonly #lasting: LiveMessage[] = [];
  #current: LiveMessage[] = [];

  add(message: LiveMessage): void {
    if (message.type === 'begun') this.#lasting.length = 0;
    if (message.type === 'live' || message.type === 'doing') {
      this.#current.push(message);
      return;
    }
    this.#lasting.push(message);
    if (message.type !== 'measured' && message.type !== 'failed') this.#current = [];
  }

  messages(): LiveMessage[] {
    // A measured run comes after its samples, but they change nothing that is shown of it.
    return [...this.#lasting, ...this.#current];
  }
}
