import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** For tests, which do not fetch: why a local Kafka cannot be started from what is here, or null. */
export function kafkaMissing(): string | null {
  if (spawnSync('java', ['-version']).status !== 0) return 'no java on the PATH';
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const mark = join(cache, 'varve', `kafka-${process.env.KAFKA_VERSION ?? '4.2.0'}`, 'complete');
  return existsSync(mark) ? null : `${mark} is not there: conformance/kafka-jars fetches it`;
}
