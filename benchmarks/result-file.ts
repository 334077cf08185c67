import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot } from './environment.js';
import type { SuiteResult } from './suite.js';

export const SCHEMA_VERSION = 1;

export function serializeResult(result: SuiteResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** `results/<time>-<name>.json` in varve's folder: the time first, so that listings are in order. */
export function defaultResultPath(result: SuiteResult): string {
  const time = result.startedAt.replace(/[:.]/g, '-');
  return join(packageRoot(), 'results', `${time}-${result.name}.json`);
}

export function writeResult(result: SuiteResult, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (path.startsWith('/dev/')) {
    writeFileSync(path, serializeResult(result));
    return;
  }
  // Whole or not at all: a half-written result must not be taken for one.
  writeFileSync(`${path}.tmp`, serializeResult(result));
  renameSync(`${path}.tmp`, path);
}

/** A file that is not a result, or of another version. The message names the first wrong field. */
export class ResultFormatError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ResultFormatError';
  }
}

type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'object'
  | 'array'
  | 'string?'
  | 'boolean?'
  | 'number?';

const REQUIRED: Readonly<Record<string, Shape>> = {
  name: 'string',
  startedAt: 'string',
  finishedAt: 'string',
  'settings.target': 'string',
  'settings.preset': 'string',
  'settings.axes.partitions': 'array',
  'settings.axes.recordBytes': 'array',
  'settings.axes.batchRecords': 'array',
  'settings.axes.durability': 'array',
  'settings.repeats': 'number',
  'settings.seed': 'number',
  'settings.payloadFile': 'string?',
  'environment.cpuModel': 'string',
  'environment.cores': 'number',
  'environment.memoryBytes': 'number',
  'environment.kernel': 'string',
  'environment.fileSystem': 'string',
  'environment.nodeVersion': 'string',
  'environment.v8Version': 'string',
  'environment.varveVersion': 'string',
  'environment.gitCommit': 'string?',
  'environment.gitDirty': 'boolean?',
  'calibration.memcpy64KiBBytesPerSecond': 'number',
  'calibration.crc32c64KiBBytesPerSecond': 'number',
  'calibration.pwrite64KiBBytesPerSecond': 'number',
  'calibration.fdatasync4KiBP50Us': 'number',
  'calibration.fdatasync4KiBP99Us': 'number',
  'calibration.cpuNoiseP99': 'number',
  'calibration.perBatchBytes': 'array',
  cells: 'array',
};

const REQUIRED_IN_CELL: Readonly<Record<string, Shape>> = {
  'cell.partitions': 'number',
  'cell.recordBytes': 'number?',
  'cell.batchRecords': 'number',
  'cell.durability': 'string',
  lostInACrash: 'string',
  'limits.appendBytesPerSecond': 'number',
  'limits.readBytesPerSecond': 'number',
  'summary.appendRecordsPerSecond.median': 'number',
  'summary.appendOfLimit': 'number',
  'summary.readRecordsPerSecond.median': 'number',
  'summary.readOfLimit': 'number',
  repeats: 'array',
};

/** Reads a result document, checked field by field: a wrong file is refused, not half understood. */
export function parseResult(text: string): SuiteResult {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new ResultFormatError(`not JSON: ${(cause as Error).message}`);
  }
  const version = fieldOf(document, 'schemaVersion');
  if (version !== SCHEMA_VERSION) {
    throw new ResultFormatError(
      `schemaVersion is ${JSON.stringify(version)}; this program reads ${SCHEMA_VERSION}`,
    );
  }
  checkShape(document, REQUIRED, '');
  for (const [at, cell] of (fieldOf(document, 'cells') as unknown[]).entries()) {
    checkShape(cell, REQUIRED_IN_CELL, `cells[${at}].`);
  }
  return document as SuiteResult;
}

function checkShape(value: unknown, shapes: Readonly<Record<string, Shape>>, prefix: string): void {
  for (const [path, shape] of Object.entries(shapes)) {
    const field = fieldOf(value, path);
    if (!hasShape(field, shape)) {
      throw new ResultFormatError(
        `${prefix}${path} must be ${shape.replace('?', ' or null')}, not ${JSON.stringify(field)}`,
      );
    }
  }
}

function fieldOf(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (inner, key) =>
        typeof inner === 'object' && inner !== null && Object.hasOwn(inner, key)
          ? (inner as Record<string, unknown>)[key]
          : undefined,
      value,
    );
}

function hasShape(value: unknown, shape: Shape): boolean {
  if (shape === 'array') return Array.isArray(value);
  if (shape === 'object') return typeof value === 'object' && value !== null;
  if (shape.endsWith('?')) return value === null || hasShape(value, shape.slice(0, -1) as Shape);
  return typeof value === shape;
}
