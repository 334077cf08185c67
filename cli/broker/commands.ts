import { type Command, Option } from 'commander';
import { nameAndValue, wholeNumberFrom } from '../arguments.js';
import { LOG_LEVELS } from '../operations/levels.js';
import type { BrokerFlags, ClusterFlags } from './flags.js';

const port = wholeNumberFrom(0, 65_535);

function addServerOptions(command: Command): Command {
  return command
    .requiredOption(
      '-d, --directory <dir>',
      'where records and metadata are; made if it is not there',
    )
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option(
      '-c, --config <name=value>',
      'a broker setting by Kafka’s name; repeat for more',
      nameAndValue,
    )
    .option('--metrics-port <port>', 'serve /metrics, /healthz and /readyz', port)
    .option('--metrics-host <address>', 'where to serve them', '127.0.0.1')
    .addOption(
      new Option('--log-level <level>', 'least level to log').choices(LOG_LEVELS).default('info'),
    )
    .addOption(
      new Option(
        '--log-format <format>',
        'of stderr (default: text on a terminal, else json)',
      ).choices(['json', 'text']),
    )
    .option('--json', 'print a line of JSON on stdout when it is ready');
}

/** `varve broker` */
export function addBrokerCommand(program: Command): void {
  const command = program
    .command('broker')
    .description('run one broker that Kafka clients can use')
    .option('-p, --port <port>', 'port to listen on; 0 for any that is free', port, 9092)
    .option('--advertised-host <host>', 'what clients are told to connect to (default: --host)')
    .option('--allow-insecure', 'listen for other machines without authentication')
    .option('--tls-cert <file>', 'serve TLS with this certificate, in PEM')
    .option('--tls-key <file>', 'its key, in PEM')
    .option('--tls-client-ca <file>', 'clients must show a certificate of this authority')
    .option('--sasl-credentials <file>', 'clients must log in as one of these users');
  addServerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve broker --directory data
  varve broker --directory data --port 0 --json | jq '.brokers[0].address'
  varve broker --directory data --config num.partitions=6 --config log.retention.ms=86400000 --metrics-port 9100

With --json the first line of stdout is {"event":"ready","brokers":[{"id":1,"address":"127.0.0.1:9092","pid":1234}]}.
SIGTERM and Ctrl-C stop it in order; a second one ends it at once, which the next start recovers from. --host of
another address than loopback needs SASL, client certificates or --allow-insecure.
Exit codes: 0 stopped when asked, 1 could not start or failed, 2 wrong usage.`,
    )
    .action(async (flags: BrokerFlags) => (await import('./broker.js')).runBroker(flags));
}

/** `varve cluster` */
export function addClusterCommand(program: Command): void {
  const command = program
    .command('cluster')
    .description('run several brokers on this machine, each a process, with replication among them')
    .option('-n, --brokers <n>', 'how many', wholeNumberFrom(1, 100), 3)
    .option(
      '-p, --port <port>',
      'of the first broker, the others follow (default: as before, else any that are free)',
      wholeNumberFrom(1, 65_535),
    );
  addServerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  varve cluster --directory data
  varve cluster --directory data --brokers 5 --port 9092
  varve topic create orders --replication-factor 3 --bootstrap 127.0.0.1:9092

On a terminal it shows the state of each broker; elsewhere it logs a line for each event. A broker that dies is
started again. With --metrics-port P the cluster's metrics are at P, those of broker N at P+N.
SIGTERM and Ctrl-C stop all brokers in order. Exit codes: 0 stopped when asked, 1 could not start or failed, 2 wrong
usage.`,
    )
    .action(async (flags: ClusterFlags) => (await import('./cluster.js')).runCluster(flags));
}
