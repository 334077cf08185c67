// A member of a group and a producer that write until they are killed: `node endless-writer.mjs HOST:PORT GROUP TOPIC`.
// Prints "joined", then a line of JSON for each batch that was acknowledged: [[partition, offset of its first record]...]
import { recordsFrom } from '../clients/scenario.mjs';
import { Clients } from './exchange.mjs';

const BATCH = 20;
const [address = '', group = '', topic = ''] = process.argv.slice(2);
const clients = new Clients(address);
await clients.join(group, topic);
console.log('joined');
const producer = await clients.producer();
for (let n = 10_000; ; n += BATCH) {
  const results = await producer.send({ topic, acks: -1, messages: recordsFrom(n, BATCH) });
  console.log(
    JSON.stringify(results.map(({ partition, baseOffset }) => [partition, Number(baseOffset)])),
  );
}
