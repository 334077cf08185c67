import { VarveError } from '../errors.js';

/** A message whose bytes do not have the form its version asks for. `at` is a position in its frame. */
export function malformed(what: string, at: number): VarveError {
  return new VarveError('INVALID_REQUEST', `malformed message: ${what} at byte ${at}`, {
    details: { position: at },
  });
}

/** A value that no message can carry. Nothing was encoded. */
export function unencodable(what: string): VarveError {
  return new VarveError('INVALID_ARGUMENT', `cannot be encoded: ${what}`);
}

export function unsupportedVersion(
  name: string,
  version: number,
  lowest: number,
  highest: number,
): VarveError {
  return new VarveError(
    'UNSUPPORTED_VERSION',
    `${name} has versions ${lowest} to ${highest}, not ${version}`,
    { details: { name, version, lowest, highest } },
  );
}
