import { mkdirSync } from 'node:fs';
import { engineTarget } from './embedded/engine.js';
import { rawTarget } from './embedded/raw.js';
import type { Target } from './embedded/target.js';
import { parseArguments } from './options.js';
import { createProgress } from './progress.js';
import { renderReport } from './report.js';
import { defaultResultPath, serializeResult, writeResult } from './result-file.js';
import { runSuite } from './suite.js';
import { cleanUpOnSignals } from './temp-directory.js';

const TARGETS: readonly Target[] = [engineTarget, rawTarget];

async function main(): Promise<number> {
  const parsed = parseArguments(
    process.argv.slice(2),
    TARGETS.map((target) => target.name),
    {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    },
  );
  if ('exitCode' in parsed) return parsed.exitCode;
  const { settings, json, out } = parsed.request;
  const target = TARGETS.find(({ name }) => name === settings.target);
  if (target === undefined) throw new Error(`no target ${settings.target}`);
  cleanUpOnSignals();
  mkdirSync(settings.directory, { recursive: true });
  const result = await runSuite(target, settings, createProgress(process.stderr));
  const path = out ?? defaultResultPath(result);
  writeResult(result, path);
  if (json) {
    process.stdout.write(serializeResult(result));
  } else {
    const color = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
    process.stdout.write(`${renderReport(result, { color })}\n\nresult file: ${path}\n`);
  }
  return 0;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`\nbench failed: ${text}\n`);
    if (process.env.DEBUG !== undefined && error instanceof Error) {
      process.stderr.write(`${error.stack}\n`);
    }
    process.exitCode = 1;
  },
);
