import java.io.InputStream;

/**
 * A single-node KRaft broker that cannot outlive the program that started it: when its standard input ends (the parent
 * closed the pipe, or died), the process exits through Kafka's shutdown hook, as on SIGTERM. Not for long: a broker whose
 * controller has gone first would wait for it for a minute and more.
 */
public final class KafkaBroker {
  private static final long SHUTDOWN_LIMIT_MS = 15_000;

  public static void main(String[] args) {
    Thread watcher = new Thread(() -> {
      try {
        InputStream in = System.in;
        while (in.read() >= 0) { }
      } catch (java.io.IOException e) {
        // A broken pipe means the same as its end.
      }
      Thread impatient = new Thread(() -> {
        try {
          Thread.sleep(SHUTDOWN_LIMIT_MS);
        } catch (InterruptedException e) {
          // Then it is time.
        }
        Runtime.getRuntime().halt(1);
      }, "impatient");
      impatient.setDaemon(true);
      impatient.start();
      System.exit(0);
    }, "parent-watcher");
    watcher.setDaemon(true);
    watcher.start();
    kafka.Kafka.main(args);
  }
}
