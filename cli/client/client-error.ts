/** What a broker, or the way to it, answered. `code` is Kafka's name of the error where it was one of Kafka's. */
export class RemoteError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RemoteError';
    this.code = code;
  }
}

interface LibraryError extends Error {
  readonly code?: unknown;
  readonly errors?: unknown;
  readonly apiId?: unknown;
  readonly path?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly response?: unknown;
}

/**
 * The client library nests errors: attempts, brokers, places in a response. What a person needs are the innermost
 * ones, each said once. `namesOf` tells what stands at a place such as `/topics/2`.
 */
export function remoteError(error: unknown, namesOf: (path: string) => string = () => ''): unknown {
  if (!isLibraryError(error)) return error;
  const leaves = [...innermost(error)];
  const said = new Set<string>();
  for (const leaf of leaves) said.add(textOf(leaf, namesOf));
  const first = leaves.find((leaf) => typeof leaf.apiId === 'string') ?? leaves[0] ?? error;
  return new RemoteError(codeOf(first), [...said].join('; '), error);
}

/** The names of Kafka's errors in it, such as NOT_COORDINATOR. */
export function kafkaErrorNames(error: unknown): string[] {
  if (!isLibraryError(error)) return [];
  return [...innermost(error)].flatMap(({ apiId }) => (typeof apiId === 'string' ? [apiId] : []));
}

/** The response that had errors in it, if that is what went wrong. */
export function responseIn(error: unknown): unknown {
  return isLibraryError(error) && error.code === 'PLT_KFK_RESPONSE' ? error.response : undefined;
}

/** The connection could not be made, or broke; or the broker was too slow. */
export function isNetworkError(error: unknown): boolean {
  if (!isLibraryError(error)) return false;
  const codes = [...innermost(error)].map(({ code }) => code);
  return codes.some((code) => code === 'PLT_KFK_NETWORK' || code === 'PLT_KFK_TIMEOUT');
}

function isLibraryError(error: unknown): error is LibraryError {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return typeof error.code === 'string' && error.code.startsWith('PLT_KFK_');
}

function* innermost(error: LibraryError): Generator<LibraryError> {
  const inner: unknown[] = Array.isArray(error.errors) ? error.errors : [];
  const known = inner.filter((one): one is LibraryError => one instanceof Error);
  if (known.length === 0) {
    if (isLibraryError(error.cause)) yield* innermost(error.cause);
    else yield error;
  }
  for (const one of known) yield* innermost(one);
}

function textOf(leaf: LibraryError, namesOf: (path: string) => string): string {
  if (typeof leaf.apiId !== 'string') {
    const why = leaf.cause instanceof Error ? causeText(leaf.cause) : '';
    return why === '' || leaf.message.includes(why)
      ? leaf.message
      : `${leaf.message.replace(/\.$/, '')}: ${why}`;
  }
  const said = leaf.serverErrorMessage;
  const text = typeof said === 'string' && said !== '' ? said : leaf.message;
  const place = typeof leaf.path === 'string' ? namesOf(leaf.path) : '';
  return place === '' ? text : `${place}: ${text}`;
}

function causeText(cause: Error): string {
  // Node's error for several addresses of one name has no message of its own.
  if (cause instanceof AggregateError && cause.message === '') {
    return cause.errors.map((one) => (one instanceof Error ? one.message : String(one))).join(', ');
  }
  return cause.message;
}

function codeOf({ apiId, code }: LibraryError): string {
  if (typeof apiId === 'string') return apiId;
  switch (code) {
    case 'PLT_KFK_NETWORK':
      return 'NETWORK_EXCEPTION';
    case 'PLT_KFK_TIMEOUT':
      return 'REQUEST_TIMED_OUT';
    case 'PLT_KFK_AUTHENTICATION':
      return 'SASL_AUTHENTICATION_FAILED';
    case 'PLT_KFK_UNSUPPORTED_API':
      return 'UNSUPPORTED_VERSION';
    case 'PLT_KFK_UNSUPPORTED_COMPRESSION':
      return 'UNSUPPORTED_COMPRESSION_TYPE';
    default:
      return 'CLIENT_ERROR';
  }
}
