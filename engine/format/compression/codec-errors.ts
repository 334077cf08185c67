import { VarveError } from '../../errors.js';
import type { CompressionType } from '../../types.js';

/** The output would be larger than the caller allows. `bytes` is what the input declares, if it does. */
export function decompressionLimit(
  codec: CompressionType,
  limitBytes: number,
  bytes?: number,
): VarveError {
  const amount = bytes === undefined ? 'more bytes than' : `${bytes} bytes, more than`;
  return new VarveError(
    'DECOMPRESSION_LIMIT',
    `${codec} data decompresses to ${amount} the limit of ${limitBytes}; ` +
      'raise the limit if the data is trusted',
    { details: { codec, limitBytes, ...(bytes === undefined ? {} : { bytes }) } },
  );
}

export function corruptData(codec: CompressionType, reason: string, cause?: unknown): VarveError {
  return new VarveError('CORRUPT_MESSAGE', `${codec} data is corrupt: ${reason}`, {
    cause,
    details: { codec, reason },
  });
}

export function unsupportedCodec(
  codec: CompressionType,
  remedy: string,
  cause?: unknown,
): VarveError {
  return new VarveError(
    'UNSUPPORTED_COMPRESSION_TYPE',
    `${codec} is not available in this installation; ${remedy}`,
    { cause, details: { codec, remedy } },
  );
}

export function invalidLevel(codec: CompressionType, level: number, allowed: string): VarveError {
  return new VarveError('INVALID_ARGUMENT', `${codec} level ${level} is not ${allowed}`, {
    details: { codec, level, allowed },
  });
}

/** The message of whatever was thrown, for an error's reason. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
