import { Cluster } from '../cluster/index.js';

/*
 * A supervisor to be killed: starts a cluster in the directory it is given, says which processes it has, and waits.
 */
const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: cluster-supervisor DIRECTORY');
const cluster = await Cluster.start({ directory, brokers: 3 });
const { brokers } = cluster.status();
process.stdout.write(
  `${JSON.stringify({ addresses: cluster.addresses, pids: brokers.map(({ pid }) => pid) })}\n`,
);
setInterval(() => undefined, 60_000);
