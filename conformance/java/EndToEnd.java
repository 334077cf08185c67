import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Open-loop latency from the intended time of sending to a consumer's poll, on one monotonic clock.
 * Arguments: bootstrap, topic (it exists), records a second, bytes a record, seconds. A quarter of the time before
 * counts as warm-up. Prints one line of JSON; every record sent is in the figures.
 */
public final class EndToEnd {
  public static void main(String[] args) throws Exception {
    String bootstrap = args[0];
    String topic = args[1];
    int rate = Integer.parseInt(args[2]);
    int bytes = Integer.parseInt(args[3]);
    int seconds = Integer.parseInt(args[4]);
    int warmUp = rate * seconds / 4;
    int measured = rate * seconds;
    int total = warmUp + measured;
    long[] latencies = new long[measured];

    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("acks", "all");
    properties.put("linger.ms", "0");
    Properties consumerProperties = new Properties();
    consumerProperties.put("bootstrap.servers", bootstrap);
    consumerProperties.put("auto.offset.reset", "earliest");
    KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumerProperties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    List<TopicPartition> partitions = consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    AtomicLong failed = new AtomicLong();
    Thread producing = new Thread(() -> {
      try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
        producer.partitionsFor(topic);
        long start = System.nanoTime() + 50_000_000L;
        for (int i = 0; i < total; i++) {
          long intended = start + i * 1_000_000_000L / rate;
          while (System.nanoTime() < intended) LockSupport.parkNanos(intended - System.nanoTime());
          byte[] value = new byte[bytes];
          ByteBuffer.wrap(value).putLong(intended).putInt(i);
          producer.send(new ProducerRecord<>(topic, value), (metadata, error) -> {
            if (error != null) failed.incrementAndGet();
          });
        }
        producer.flush();
      }
    }, "producer");
    producing.start();
    int seen = 0;
    long deadline = System.nanoTime() + (seconds * 2L + 60) * 1_000_000_000L;
    while (seen < total) {
      if (System.nanoTime() > deadline) throw new IllegalStateException(seen + " of " + total + " records came");
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
        ByteBuffer value = ByteBuffer.wrap(record.value());
        long latency = System.nanoTime() - value.getLong();
        int i = value.getInt();
        if (i >= warmUp) latencies[i - warmUp] = latency;
        seen++;
      }
    }
    producing.join();
    consumer.close();
    if (failed.get() > 0) throw new IllegalStateException(failed.get() + " records failed");
    Arrays.sort(latencies);
    System.out.printf(java.util.Locale.ROOT, "{\"records\":%d,\"p50Ms\":%.3f,\"p99Ms\":%.3f,\"p999Ms\":%.3f,\"maxMs\":%.3f}%n", measured, at(latencies, 0.5), at(latencies, 0.99), at(latencies, 0.999), at(latencies, 1));
    System.exit(0);
  }

  private static double at(long[] sorted, double share) {
    return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)] / 1e6;
  }
}
