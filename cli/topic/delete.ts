import { FailedItems } from '../client/failed-items.js';
import { withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import type { DeleteFlags } from './flags.js';

interface DeleteTopicsResponse {
  readonly responses: readonly {
    name: string | null;
    errorCode: number;
    errorMessage: string | null;
  }[];
}

const UNKNOWN_TOPIC = 3;

export async function deleteTopics(names: readonly string[], flags: DeleteFlags): Promise<void> {
  await withClient(flags, async (client) => {
    const wanted = names.map((name) => ({ name, topicId: null }));
    const { responses } = await client.ask<DeleteTopicsResponse>(
      'DeleteTopics',
      [wanted, client.timeoutMs],
      { isPartial: true },
    );
    const failed = new FailedItems(client);
    for (const [i, { name, errorCode, errorMessage }] of responses.entries()) {
      const topic = name ?? names[i] ?? '';
      const isMissing = errorCode === UNKNOWN_TOPIC && flags.ifExists === true;
      if (errorCode !== 0 && !isMissing) failed.add(topic, errorCode, errorMessage);
      else if (flags.json) printJson({ topic, deleted: !isMissing });
      else process.stdout.write(`${topic}: ${isMissing ? 'is not there' : 'deleted'}\n`);
    }
    failed.throwIfAny();
  });
}
