import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { packageRoot } from '../environment.js';
import { BenchError } from '../model/bench-error.js';
import { isDiskFull } from '../model/disk-full.js';
import {
  type CellRun,
  cellRunSchema,
  type RunResult,
  resultSchema,
  SCHEMA_VERSION,
} from '../model/result.js';

/** No result is larger; more is not one. */
const MAX_RESULT_BYTES = 512 * 1024 * 1024;

export function serializeResult(result: RunResult): string {
  return `${JSON.stringify(result, null, 1)}\n`;
}

/** Where results are: varve's own folder in a clone, else the working directory's. */
export function resultsDirectory(): string {
  const own = join(packageRoot(), 'results');
  return existsSync(own) ? own : resolve('results');
}

/** `<time>-<name>.json`: the time first, so that listings are in order. */
export function defaultResultPath(startedAt: string, name: string): string {
  return join(resultsDirectory(), `${startedAt.replace(/[:.]/g, '-')}-${name}.json`);
}

export function writeResult(result: RunResult, path: string): void {
  const text = serializeResult(result);
  mkdirSync(dirname(path), { recursive: true });
  if (path.startsWith('/dev/')) {
    writeFileSync(path, text);
    return;
  }
  // Whole or not at all: a half-written result must not be taken for one.
  try {
    writeFileSync(`${path}.tmp`, text);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    rmSync(`${path}.tmp`, { force: true });
    throw notWritten(path, error);
  }
}

/** Reads a result, checked field by field: a wrong file is refused with its first wrong field. */
export function readResult(path: string): RunResult {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > MAX_RESULT_BYTES) {
      throw new Error(`${size} bytes are more than the ${MAX_RESULT_BYTES} of any result`);
    }
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BenchError('INVALID_RESULT', `cannot read ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
  return parseResult(text, path);
}

export function parseResult(text: string, source: string): RunResult {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw new BenchError('INVALID_RESULT', `${source}: not JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  const version = (document as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version !== SCHEMA_VERSION) {
    throw new BenchError(
      'INVALID_RESULT',
      `${source}: schemaVersion is ${JSON.stringify(version)}; this program reads ${SCHEMA_VERSION}`,
    );
  }
  const parsed = resultSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new BenchError(
    'INVALID_RESULT',
    `${source}: ${issue?.path.join('.')}: ${issue?.message ?? 'not a result'}`,
  );
}

/** As JSON Schema of what is read, in which fields that came later may be missing: what `results/schema.json` holds. */
export function resultJsonSchema(): unknown {
  return {
    title: 'varve benchmark result',
    ...z.toJSONSchema(resultSchema, { target: 'draft-2020-12', io: 'input' }),
  };
}

export interface ResultListing {
  readonly path: string;
  readonly name: string;
  readonly startedAt: string;
  readonly status: string;
  readonly cells: number;
  /** null: it is one. */
  readonly problem: string | null;
}

/** Every `.json` of the directory that claims to be a result, newest last. */
export function listResults(directory: string): ResultListing[] {
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && basename(name) !== 'schema.json')
    .sort();
  return files.map((name) => {
    const path = join(directory, name);
    try {
      const result = readResult(path);
      const { startedAt, status, cells } = result;
      return { path, name: result.name, startedAt, status, cells: cells.length, problem: null };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { path, name: '', startedAt: '', status: 'unreadable', cells: 0, problem };
    }
  });
}

/**
 * What a run has measured so far, a line for each run of a cell after a first line with the document without them: a
 * run whose process was killed goes on from it.
 */
export class Journal {
  readonly path: string;
  #hasRuns = false;

  constructor(resultPath: string) {
    this.path = `${resultPath}.journal`;
  }

  begin(skeleton: RunResult): void {
    mkdirSync(dirname(this.path), { recursive: true });
    this.#write(() => writeFileSync(this.path, `${JSON.stringify(skeleton)}\n`));
  }

  add(id: string, run: CellRun): void {
    this.#write(() => appendFileSync(this.path, `${JSON.stringify({ id, run })}\n`));
    this.#hasRuns = true;
  }

  /** There is something in it to go on from. */
  get hasRuns(): boolean {
    return this.#hasRuns;
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      throw notWritten(this.path, error);
    }
  }

  remove(): void {
    rmSync(this.path, { force: true });
  }
}

/** Results may be on another disk than the data that is measured. */
function notWritten(path: string, cause: unknown): unknown {
  if (!isDiskFull(cause)) return cause;
  const text = `the disk of results is full: ${path} was not written (${(cause as Error).message})`;
  return new BenchError(
    'DISK_FULL',
    `${text}. Make room there, or write elsewhere with --out FILE`,
    {
      cause,
    },
  );
}

const journalLineSchema = z.object({ id: z.string(), run: cellRunSchema });

/** A partial result, or the journal of a run that was killed. A last line that was cut is left out. */
export function readPartial(path: string): RunResult {
  if (!path.endsWith('.journal')) return readResult(path);
  const lines = readFileSync(path, 'utf8').split('\n');
  const result = parseResult(lines[0] ?? '', path);
  const byId = new Map(result.cells.map((cell) => [cell.id, cell]));
  for (const [at, line] of lines.entries()) {
    if (at === 0 || line === '') continue;
    const isLast = at === lines.length - 1;
    const parsed = journalLineSchema.safeParse(jsonOr(line));
    if (!parsed.success) {
      if (isLast) break;
      throw new BenchError('INVALID_RESULT', `${path}: line ${at + 1} is not a run of a cell`);
    }
    byId.get(parsed.data.id)?.runs.push(parsed.data.run);
  }
  return result;
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
