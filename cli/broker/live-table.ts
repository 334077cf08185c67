/** A few lines at the bottom of a terminal that are drawn again in place; other lines go above them. */
export class LiveTable {
  readonly #out: NodeJS.WriteStream;
  #lines: readonly string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(lines: readonly string[]): void {
    if (lines.join('\n') === this.#lines.join('\n')) return;
    this.#out.write(this.#erase() + lines.map((line) => `${line}\n`).join(''));
    this.#lines = lines;
  }

  /** Text with its line end. */
  above(text: string): void {
    this.#out.write(`${this.#erase()}${text}${this.#lines.map((line) => `${line}\n`).join('')}`);
  }

  #erase(): string {
    return this.#lines.length === 0 ? '' : `\x1b[${this.#lines.length}A\x1b[0J`;
  }
}
