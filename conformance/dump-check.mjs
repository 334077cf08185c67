#!/usr/bin/env node
// Has Kafka's own DumpLogSegments read partition directories, and fails on anything it or this check finds wrong.
//   node conformance/dump-check.mjs [--gaps] DIRECTORY...     every partition directory at or below each
//   node conformance/dump-check.mjs --self-test               damages copies of the fixtures: each must be found
// --gaps: the logs were compacted, so offsets may be missing. Exit 0 clean, 1 problems, 77 skipped.
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkPartitions } from './lib/check.mjs';
import { DAMAGES } from './lib/damage.mjs';
import { partitionDirectories } from './lib/dump.mjs';
import { kafka as findKafka } from './lib/kafka.mjs';

const FIXTURES = fileURLToPath(new URL('../engine/scenarios/fixtures/kafka', import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    gaps: { type: 'boolean', default: false },
    'self-test': { type: 'boolean', default: false },
  },
});
const kafka = findKafka();
if (values['self-test']) await selfTest();
else await check(positionals.map((root) => path.resolve(root)));

async function check(/** @type {string[]} */ roots) {
  const directories = roots.flatMap(partitionDirectories);
  if (directories.length === 0) {
    console.error('dump-check: no partition directory given: nothing was checked');
    process.exit(1);
  }
  const { problems, counts } = await checkPartitions(
    kafka,
    directories.map((directory) => ({ directory, gaps: values.gaps || sayGaps(directory) })),
  );
  for (const problem of problems) console.error(problem);
  const counted = Object.entries(counts).map(
    ([what, n]) => `${n} ${what.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)}`,
  );
  console.log(
    `dump-check, Kafka ${kafka.version}: ${counted.join(', ')}: ${problems.length} problems`,
  );
  if (problems.length > 0) process.exit(1);
}

/** A log written with its expectations says there whether compaction or truncation left gaps in it. */
function sayGaps(/** @type {string} */ directory) {
  const file = path.join(directory, '..', 'expected.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).gaps === true;
}

/** A check that cannot fail says nothing: clean fixtures must pass, and each damage be named. */
async function selfTest() {
  const work = mkdtempSync(path.join(tmpdir(), 'varve-dump-check-'));
  let failed = 0;
  try {
    for (const fixture of new Set(DAMAGES.map((damage) => damage.on))) {
      const { problems } = await checkPartitions(kafka, [
        partition(path.join(FIXTURES, fixture, `${fixture}-0`), fixture),
      ]);
      report(`an undamaged ${fixture} is clean`, problems.length === 0, problems.join('\n'));
    }
    for (const damage of DAMAGES) {
      const copy = path.join(work, `${damage.on}-0`);
      rmSync(copy, { recursive: true, force: true });
      cpSync(path.join(FIXTURES, damage.on, `${damage.on}-0`), copy, { recursive: true });
      damage.apply(copy);
      const { problems } = await checkPartitions(kafka, [partition(copy, damage.on)]);
      report(
        `${damage.name} is found`,
        damage.expect.test(problems.join('\n')),
        `expected ${damage.expect}, found: ${problems.join('\n') || 'nothing'}`,
      );
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  if (failed > 0) process.exit(1);

  function report(
    /** @type {string} */ name,
    /** @type {boolean} */ good,
    /** @type {string} */ detail,
  ) {
    console.log(`${good ? 'ok' : 'FAILED'}: ${name}`);
    if (!good) {
      console.log(detail);
      failed++;
    }
  }
}

function partition(/** @type {string} */ directory, /** @type {string} */ fixture) {
  return { directory, gaps: fixture.startsWith('compacted') };
}
