import { withClient } from '../client/kafka-client.js';
import { printJson } from '../print-json.js';
import { printTable } from '../table.js';
import type { ListFlags } from './flags.js';
import { listAllGroups } from './group-view.js';

export async function listGroups(flags: ListFlags): Promise<void> {
  const wanted = flags.state?.map((state) => state.toLowerCase());
  const all = await withClient(flags, listAllGroups);
  const groups = all.filter(({ state }) => wanted?.includes(state.toLowerCase()) ?? true);
  if (flags.quiet) {
    process.stdout.write(groups.map(({ group }) => `${group}\n`).join(''));
  } else if (flags.json) {
    for (const group of groups) printJson(group);
  } else {
    const rows = groups.map(({ group, state, type, protocolType }) => [
      group,
      state,
      type,
      protocolType || '-',
    ]);
    printTable(['GROUP', 'STATE', 'TYPE', 'PROTOCOL'], rows);
  }
}
