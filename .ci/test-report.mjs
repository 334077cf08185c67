// Reads vitest's JSON report for `.ci/run`: `node .ci/test-report.mjs counts|files|failures REPORT`.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const SHOWN_LINES = 25;
const SHOWN_LENGTH = 300;

const [what, path] = process.argv.slice(2);
const { testResults = [], ...totals } = existsSync(path)
  ? JSON.parse(readFileSync(path, 'utf8'))
  : {};

/** Every failure by the file it is in. A file that does not load has no tests in it, and is one failure. */
const failures = testResults
  .filter(({ status }) => status === 'failed')
  .flatMap(({ name, message, assertionResults }) => {
    const file = relative(process.cwd(), name);
    const tests = assertionResults.filter(({ status }) => status === 'failed');
    return tests.length === 0
      ? [{ file, title: file, said: [message ?? 'the file did not load'] }]
      : tests.map(({ fullName, failureMessages }) => ({
          file,
          title: `${file}: ${fullName}`,
          said: failureMessages,
        }));
  });

if (what === 'counts') {
  const { numPassedTests = 0, numPendingTests = 0, numTodoTests = 0 } = totals;
  console.log(numPassedTests, failures.length, numPendingTests + numTodoTests);
} else if (what === 'files') {
  for (const file of new Set(failures.map(({ file }) => file))) console.log(file);
} else {
  for (const { title, said } of failures) {
    console.log(`FAILED: ${title}`);
    const lines = stripVTControlCharacters(said.join('\n')).split('\n');
    for (const line of lines.filter((text) => text.trim() !== '').slice(0, SHOWN_LINES)) {
      console.log(`    ${line.slice(0, SHOWN_LENGTH)}`);
    }
  }
}
