import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../environment.js';
import { BenchError } from './bench-error.js';
import { KNOBS } from './knobs.js';
import type { Axes } from './matrix.js';

/** A suite: which cells, how often, how long. In `benchmarks/suites/*.yaml`, or a file of one's own (YAML or JSON). */
const axesSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(KNOBS).map(([name, schema]) => {
      const one = schema.unwrap() as z.ZodType;
      return [name, z.union([one, z.array(one).min(1).max(1000)]).optional()];
    }),
  ),
);

export const suiteSchema = z.strictObject({
  description: z.string().min(1).max(1000),
  repeats: z.number().int().min(1).max(100).default(3),
  warmupSeconds: z.number().min(0).max(600).default(1),
  measureSeconds: z.number().min(0.05).max(3600).default(3),
  matrices: z.array(axesSchema).min(1).max(100),
});

export interface Suite {
  readonly name: string;
  readonly description: string;
  readonly repeats: number;
  readonly warmupSeconds: number;
  readonly measureSeconds: number;
  readonly matrices: readonly Axes[];
}

const SUITE_FILE = /\.(ya?ml|json)$/;

function suitesDirectory(): string {
  return join(packageRoot(), 'benchmarks', 'suites');
}

export function presetNames(): string[] {
  return readdirSync(suitesDirectory())
    .filter((name) => SUITE_FILE.test(name))
    .map((name) => name.replace(SUITE_FILE, ''))
    .sort();
}

export function readPreset(name: string): Suite {
  const path = join(suitesDirectory(), `${name}.yaml`);
  if (!/^[\w-]+$/.test(name) || !existsSync(path)) {
    throw new BenchError(
      'INVALID_SUITE',
      `there is no preset ${JSON.stringify(name)}; presets: ${presetNames().join(', ')}`,
    );
  }
  return readSuite(path);
}

export function readSuite(path: string): Suite {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BenchError(
      'INVALID_SUITE',
      `cannot read suite ${resolve(path)}: ${(cause as Error).message}`,
      { cause },
    );
  }
  return parseSuite(text, basename(path).replace(SUITE_FILE, ''), path);
}

/** YAML, of which JSON is a part. */
export function parseSuite(text: string, name: string, source: string): Suite {
  let document: unknown;
  try {
    document = parseYaml(text, { maxAliasCount: 100 });
  } catch (cause) {
    throw new BenchError('INVALID_SUITE', `${source}: ${(cause as Error).message}`, { cause });
  }
  const parsed = suiteSchema.safeParse(document);
  if (!parsed.success) {
    throw new BenchError('INVALID_SUITE', `${source}: ${describeIssue(parsed.error)}`);
  }
  const { matrices, ...rest } = parsed.data;
  return {
    name,
    ...rest,
    matrices: matrices.map(
      (axes) =>
        Object.fromEntries(
          Object.entries(axes)
            .filter(([, value]) => value !== undefined)
            .map(([knob, value]) => [knob, Array.isArray(value) ? value : [value]]),
        ) as Axes,
    ),
  };
}

/** The first thing that is wrong: where, what is there, what would be right. */
function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'not a suite';
  const where = issue.path.length === 0 ? 'the file' : issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return `${where} has ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}, which is no knob or setting; knobs: ${Object.keys(KNOBS).join(', ')}`;
  }
  return `${where}: ${issue.message}`;
}
