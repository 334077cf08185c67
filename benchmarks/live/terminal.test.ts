import { describe, expect, test } from 'vitest';
import { inventedResult } from '../report/testing/invented-result.js';
import { messageOf } from './message.js';
import { NOTHING_YET, nextState } from './run-state.js';
import { blockLines, terminalView } from './terminal.js';
import { inventedEvents } from './testing/invented-events.js';

const result = inventedResult({ extras: false, partitions: [1, 4], targets: ['cluster'] });
const events = [
  ...inventedEvents(result, 4),
  { type: 'finished', result, path: 'x.json' } as const,
];

function written(isTTY: boolean, columns = 80): { text: string; writes: string[] } {
  const writes: string[] = [];
  const view = terminalView(
    { isTTY, columns, write: (text) => writes.push(text) },
    { color: false },
  );
  for (const event of events) view.onEvent(event);
  view.close();
  return { text: writes.join(''), writes };
}

describe('a file', () => {
  test('gets a line for each run that is over, and no control characters', () => {
    const { text } = written(false);
    expect(text).not.toContain('\x1b');
    expect(text).toContain('[1/4] label of');
    expect(text).toContain('[2/4] FAILED label of');
    expect(text).toMatch(/\[4\/4\] label of .*MB\/s, p99/);
    expect(text.split('\n')).toHaveLength(7);
  });
});

describe('a terminal', () => {
  test('shows where the run is, its rate, percentiles and a spark line', () => {
    let state = NOTHING_YET;
    for (const event of events.slice(0, 8)) state = nextState(state, messageOf(event));
    const lines = blockLines(state, 100, false);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain('0/4  about 12 s left');
    expect(lines[1]).toContain('repeat 1  measuring 1.0 s');
    expect(lines[2]).toContain('p50 1.2 ms  p99 8.3 ms');
    expect(lines[2]).toMatch(/^[\u2581-\u2588]{5}/);
  });

  test.each([20, 40, 80])('of %i columns never wraps', (columns) => {
    for (const text of written(true, columns).writes) {
      // Failures stand above the block and may be long.
      if (text.startsWith('failed')) continue;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor takes no room
      for (const line of text.replace(/\x1b\[[0-9]*[A-Za-z]|\r/g, '').split('\n')) {
        expect(line.length).toBeLessThan(columns);
      }
    }
  });

  test('leaves failures and nothing else', () => {
    const screen = screenOf(written(true).text);
    expect(screen.filter((line) => line !== '')).toEqual([
      expect.stringMatching(/^failed label of .*broker 2 <ended> \[TARGET_FAILED\]$/),
    ]);
  });
});

/** What a terminal shows after `text`: only the movements that the view uses. */
function screenOf(text: string): string[] {
  const lines = [''];
  let row = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked at
  for (const part of text.split(/(\x1b\[\d*[AJ]|\r|\n)/)) {
    if (part === '\n') {
      row += 1;
      lines[row] ??= '';
    } else if (part === '\r') {
      // The next text begins at the first column, and is preceded by an erasure.
    } else if (part.endsWith('A') && part.startsWith('\x1b')) {
      row -= Number(part.slice(2, -1));
    } else if (part === '\x1b[J') {
      lines.length = row + 1;
      lines[row] = '';
    } else lines[row] += part;
  }
  return lines;
}
