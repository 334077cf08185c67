import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What becomes of a connection: it passes; it is reset, as when a process dies; or it goes silent with its bytes held
 * back, as when a cable is pulled, and goes on when it may pass again.
 */
export type Fate = 'pass' | 'reset' | 'silent';

/** By the client id of the connection's first request. */
export type FateOf = (clientId: string) => Fate;

/** Of the header of a Kafka request: size, API key, version, correlation id, length of the client id. */
const CLIENT_ID_AT = 14;
const CLIENT_ID_LENGTH_AT = 12;
const MAX_CLIENT_ID_BYTES = 1024;
const FIRST_PORT = 10_000;
const PORTS = 20_000;

/**
 * A relay in front of one broker, for cutting it off from some of those that talk to it. It knows them by the client
 * id that Kafka's requests carry.
 */
export class TcpProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #target = { host: '', port: 0 };
  #fateOf: FateOf = () => 'pass';

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (client) => this.#accept(client));
  }

  /** Accepts nothing before `forwardTo`. */
  static async listen(): Promise<TcpProxy> {
    for (;;) {
      // Below the ports that the system gives to clients: it stays free while nobody listens.
      const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
      const server = createServer();
      if (!(await listens(server, port))) continue;
      await new Promise((resolve) => server.close(resolve));
      return new TcpProxy(server, port);
    }
  }

  /** Where connections go from now on. */
  async forwardTo(host: string, port: number): Promise<void> {
    this.#target = { host, port };
    if (!this.#server.listening && !(await listens(this.#server, this.port))) {
      throw new Error(`port ${this.port} is taken`);
    }
  }

  /** Connections are refused until `forwardTo`, as those to a process that has ended; those that there are stay. */
  refuse(): void {
    this.#server.close();
  }

  /** For connections that there are and that come. */
  setFates(fateOf: FateOf): void {
    this.#fateOf = fateOf;
    for (const link of this.#links) link.meet(fateOf);
  }

  get connections(): number {
    return this.#links.size;
  }

  /** One line a connection, for the story of a test that failed. */
  describe(): string[] {
    return [...this.#links].map((link) => link.describe());
  }

  async close(): Promise<void> {
    for (const link of this.#links) link.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    const { host, port } = this.#target;
    const link = new Link(
      client,
      () => connect(port, host),
      this.#fateOf,
      () => {
        this.#links.delete(link);
      },
    );
    this.#links.add(link);
  }
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    };
    server.once('error', onError);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', onError);
      resolve(true);
    });
  });
}

/** One connection of a client, and the one to the broker that belongs to it. */
class Link {
  readonly #client: Socket;
  readonly #connect: () => Socket;
  readonly #onClosed: () => void;
  #broker: Socket | null = null;
  #clientId: string | null = null;
  #fateOf: FateOf;
  #isPassing = false;
  /** Read before the client id was known. */
  #first: Buffer = Buffer.alloc(0);

  constructor(client: Socket, connectBroker: () => Socket, fateOf: FateOf, onClosed: () => void) {
    this.#client = client;
    this.#connect = connectBroker;
    this.#onClosed = onClosed;
    this.#fateOf = fateOf;
    client.setNoDelay(true);
    client.on('error', () => this.reset());
    client.on('close', () => this.reset());
    client.on('data', this.#readFirst);
  }

  describe(): string {
    const { bytesRead: asked = 0, bytesWritten: answered = 0 } = this.#client;
    const { bytesRead: said = 0, bytesWritten: heard = 0 } = this.#broker ?? {};
    const state = this.#isPassing ? 'passing' : 'held';
    return (
      `${this.#clientId ?? 'unknown'} from port ${this.#client.remotePort}, ${state}: ` +
      `${asked} bytes in and ${heard} on to the broker, ${said} back and ${answered} on to the client`
    );
  }

  meet(fateOf: FateOf): void {
    this.#fateOf = fateOf;
    if (this.#clientId === null) return;
    const fate = fateOf(this.#clientId);
    if (fate === 'reset') this.reset();
    else if (fate === 'silent') this.#hold();
    else this.#pass();
  }

  reset(): void {
    for (const socket of [this.#client, this.#broker]) {
      if (socket !== null && !socket.destroyed) socket.resetAndDestroy();
    }
    this.#onClosed();
  }

  readonly #readFirst = (data: Buffer): void => {
    this.#first = Buffer.concat([this.#first, data]);
    const read = clientIdOf(this.#first);
    if (read === null) return;
    this.#client.off('data', this.#readFirst);
    this.#client.pause();
    this.#clientId = read;
    this.meet(this.#fateOf);
  };

  #hold(): void {
    this.#isPassing = false;
    this.#client.unpipe().pause();
    this.#broker?.unpipe().pause();
  }

  #pass(): void {
    if (this.#isPassing) return;
    this.#isPassing = true;
    const broker = this.#broker ?? this.#open();
    this.#client.pipe(broker);
    broker.pipe(this.#client);
  }

  #open(): Socket {
    const broker = this.#connect();
    this.#broker = broker;
    broker.setNoDelay(true);
    broker.on('error', () => this.reset());
    broker.on('close', () => this.reset());
    broker.write(this.#first);
    return broker;
  }
}

/** Null: not there yet. An empty one for what is no request of Kafka's. */
function clientIdOf(bytes: Buffer): string | null {
  if (bytes.length < CLIENT_ID_AT) return null;
  const length = bytes.readInt16BE(CLIENT_ID_LENGTH_AT);
  if (length < 0 || length > MAX_CLIENT_ID_BYTES) return '';
  if (bytes.length < CLIENT_ID_AT + length) return null;
  return bytes.toString('utf8', CLIENT_ID_AT, CLIENT_ID_AT + length);
}
