import { describe, expect, test } from 'vitest';
import { GROUPS } from './groups.js';

describe.each(GROUPS)('micro-benchmarks of $name', (group) => {
  test('every task does its work, again and again', async () => {
    const open = await group.open();
    try {
      expect(open.tasks.length).toBeGreaterThan(0);
      for (const task of open.tasks) {
        expect(() => task.check(), `${task.name} before it ran`).toThrow();
      }
      for (const task of open.tasks) {
        for (let call = 0; call < 3; call++) {
          await task.run();
          task.check();
        }
        expect(task.unitsPerCall).toBeGreaterThan(0);
      }
    } finally {
      await open.close();
    }
  });

  test('its tasks have names of their own', async () => {
    const open = await group.open();
    await open.close();
    const names = open.tasks.map((task) => task.name);
    expect(new Set(names).size).toBe(names.length);
  });
});
