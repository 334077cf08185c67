import { type ErrorCode, isVarveError, VarveError } from '../errors.js';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EMFILE: 'TOO_MANY_OPEN_FILES',
  ENFILE: 'TOO_MANY_OPEN_FILES',
  EROFS: 'READ_ONLY',
  EACCES: 'READ_ONLY',
  EPERM: 'READ_ONLY',
  ENOENT: 'NOT_FOUND',
  EEXIST: 'ALREADY_EXISTS',
};

const ADVICE: Partial<Record<ErrorCode, string>> = {
  DISK_FULL: 'free space on its file system or move the data directory',
  TOO_MANY_OPEN_FILES: 'raise the limit on open files (ulimit -n) or lower maxOpenFiles',
  READ_ONLY: 'the file system or the permissions do not allow it',
  NOT_FOUND: 'there is no such file or directory',
  ALREADY_EXISTS: 'there is already a file of that name',
  IO_FAILED: 'the operating system refused or failed the operation',
};

/** The system's name for what went wrong (`ENOSPC`), where the error carries one. */
export function errnoName(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Turns an error of the system into the one the port promises. Errors of varve pass through. */
export function ioError(error: unknown, operation: string, path: string): VarveError {
  if (isVarveError(error)) return error;
  const errno = errnoName(error);
  const code = (errno !== undefined && CODES[errno]) || 'IO_FAILED';
  return new VarveError(
    code,
    `${operation} failed on ${path} (${errno ?? String(error)}): ${ADVICE[code] ?? ''}`,
    {
      cause: error,
      retriable: code === 'DISK_FULL' || code === 'TOO_MANY_OPEN_FILES',
      details: { path, operation, ...(errno === undefined ? {} : { errno }) },
    },
  );
}

export function closedError(path: string): VarveError {
  return new VarveError('CLOSED', `${path} is closed: open it again to use it`, {
    details: { path },
  });
}

export function readOnlyError(path: string, operation: string): VarveError {
  return new VarveError('READ_ONLY', `${operation} failed on ${path}: it was opened to read only`, {
    details: { path, operation },
  });
}
