import { Broker } from '../../engine/cluster/local-broker.js';
import { ReplicaManager } from '../../engine/replication/replica-manager.js';
import { KeepsNothing } from './keeps-nothing.js';

/*
 * A broker that keeps nothing: `node dist/benchmarks/kafka/nothing-broker.js DIRECTORY`. Topics, groups and sockets are
 * varve's, but what is produced is forgotten. It is the ceiling of `npm run bench:kafka -- --ceiling`: how fast the load
 * tools are when the broker has nothing to do. The product has no switch for it: the methods are replaced here.
 */

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: nothing-broker.js DIRECTORY');

process.stderr.write(
  'THIS BROKER KEEPS NOTHING: it acknowledges records and forgets them. For measuring only.\n',
);
const nothing = new KeepsNothing();
ReplicaManager.prototype.produce = (requests) => nothing.produce(requests);
ReplicaManager.prototype.fetch = (options) => nothing.fetch(options);

const broker = await Broker.start({ directory });
process.stdout.write(
  `${JSON.stringify({
    event: 'ready',
    keepsNothing: true,
    brokers: [{ id: 1, address: broker.address, pid: process.pid }],
  })}\n`,
);
process.once('SIGTERM', () => void broker.close());
