import { VarveError } from '../engine/errors.js';

const NEWLINE = 0x0a;

/**
 * Lines of a byte stream, without their `\n`. Bytes are not interpreted: what is not UTF-8, or ends in `\r`, comes
 * through as it is. A last line without `\n` counts; a `\n` at the very end does not start another line.
 *
 * Fails with MESSAGE_TOO_LARGE at a line above `maxBytes`, without waiting for its end. `whatFor` ends the sentence
 * "more than the 100 bytes that ...".
 */
export async function* lines(
  input: AsyncIterable<Buffer | string>,
  maxBytes: number,
  whatFor: string,
): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 1;
  for await (const piece of input) {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
    const found: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      const bytes = restBytes + (end < 0 ? chunk.length : end) - start;
      if (bytes > maxBytes) {
        if (found.length > 0) yield found;
        throw tooLong(number, bytes, end >= 0, maxBytes, whatFor);
      }
      if (end < 0) break;
      const tail = chunk.subarray(start, end);
      found.push(rest.length === 0 ? tail : Buffer.concat([...rest, tail], bytes));
      rest = [];
      restBytes = 0;
      number += 1;
      start = end + 1;
    }
    if (found.length > 0) yield found;
    if (start < chunk.length) {
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
    }
  }
  if (rest.length > 0) yield [Buffer.concat(rest, restBytes)];
}

function tooLong(
  line: number,
  bytes: number,
  isWhole: boolean,
  limit: number,
  whatFor: string,
): VarveError {
  return new VarveError(
    'MESSAGE_TOO_LARGE',
    `line ${line} has ${isWhole ? '' : 'over '}${bytes} bytes, more than the ${limit} that ${whatFor}`,
    { details: { line, bytes, limit } },
  );
}
