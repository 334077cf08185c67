import { VarveError } from '../../engine/errors.js';
import { isObject } from './json-object.js';

export interface OutgoingRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: Buffer, value: Buffer | null])[];
  /** Undefined: now. */
  readonly timestampMs: number | undefined;
}

export interface LineOptions {
  readonly isJson: boolean;
  readonly keySeparator: string | undefined;
  readonly nullValue: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** Makes records of lines. Fails with INVALID_RECORD, naming the line. */
export class RecordReader {
  readonly #isJson: boolean;
  readonly #separator: Buffer | null;
  readonly #nullValue: Buffer | null;
  readonly #headers: OutgoingRecord['headers'];
  #line = 0;

  constructor(options: LineOptions) {
    this.#isJson = options.isJson;
    this.#separator = options.keySeparator === undefined ? null : Buffer.from(options.keySeparator);
    this.#nullValue = options.nullValue === undefined ? null : Buffer.from(options.nullValue);
    this.#headers = Object.entries(options.headers).map(([name, value]) => [
      Buffer.from(name),
      Buffer.from(value),
    ]);
  }

  /** Null for an empty line of JSON. */
  read(line: Buffer): OutgoingRecord | null {
    this.#line += 1;
    return this.#isJson ? this.#fromJson(line) : this.#fromText(line);
  }

  #fromText(line: Buffer): OutgoingRecord {
    let key: Buffer | null = null;
    let value = line;
    if (this.#separator !== null) {
      const at = line.indexOf(this.#separator);
      if (at < 0) {
        throw this.#error(`has no ${JSON.stringify(this.#separator.toString())} after its key`);
      }
      key = line.subarray(0, at);
      value = line.subarray(at + this.#separator.length);
    }
    return { key, value: this.#orNull(value), headers: this.#headers, timestampMs: undefined };
  }

  #orNull(value: Buffer): Buffer | null {
    return this.#nullValue?.equals(value) ? null : value;
  }

  #fromJson(line: Buffer): OutgoingRecord | null {
    const text = line.toString();
    if (text.trim() === '') return null;
    let record: unknown;
    try {
      record = JSON.parse(text);
    } catch (error) {
      throw this.#error(`is not JSON: ${(error as Error).message}`);
    }
    if (!isObject(record)) throw this.#error('is not a JSON object');
    const { timestamp } = record;
    if (timestamp !== undefined && !(Number.isSafeInteger(timestamp) && Number(timestamp) >= 0)) {
      throw this.#error(`has timestamp ${JSON.stringify(timestamp)}, not milliseconds since 1970`);
    }
    const value = this.#bytes(record, 'value');
    return {
      key: this.#bytes(record, 'key'),
      value: value === null ? null : this.#orNull(value),
      headers: [...this.#headers, ...this.#headersOf(record)],
      timestampMs: timestamp === undefined ? undefined : Number(timestamp),
    };
  }

  #headersOf({ headers }: Record<string, unknown>): [Buffer, Buffer | null][] {
    if (headers === undefined || headers === null) return [];
    if (!Array.isArray(headers)) throw this.#error('has headers that are not a list');
    return headers.map((header: unknown) => {
      if (!isObject(header) || typeof header.key !== 'string') {
        throw this.#error('has a header that is not {"key": "...", "value": ...}');
      }
      return [Buffer.from(header.key), this.#bytes(header, 'value')];
    });
  }

  #bytes(from: Record<string, unknown>, name: 'key' | 'value'): Buffer | null {
    const value = from[name];
    if (value === undefined || value === null) return null;
    if (typeof value === 'string') return Buffer.from(value);
    if (isObject(value) && typeof value.base64 === 'string' && Object.keys(value).length === 1) {
      return Buffer.from(value.base64, 'base64');
    }
    throw this.#error(`has a ${name} that is not text, null or {"base64": "..."}`);
  }

  #error(problem: string): VarveError {
    return new VarveError('INVALID_RECORD', `line ${this.#line} ${problem}`, {
      details: { line: this.#line },
    });
  }
}
