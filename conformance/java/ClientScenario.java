import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's Java clients with their own defaults (idempotent, acks=all), doing what every client of the conformance
 * checks does. Argument: the bootstrap address. Prints one line of JSON; what the clients log goes to standard error.
 */
public final class ClientScenario {
  private static final int PARTITIONS = 3;
  private static final int RECORDS = 3000;
  private static final int MORE = 300;
  private static final int KEYS = 120;
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");

  private final String bootstrap;
  private final List<String> steps = new ArrayList<>();
  private final String topic = "java-" + ProcessHandle.current().pid() + "-" + System.currentTimeMillis();
  private final String group = topic + "-group";
  private final List<ConsumerRecord<String, String>> received = new ArrayList<>();

  private ClientScenario(String bootstrap) {
    this.bootstrap = bootstrap;
  }

  public static void main(String[] args) throws Exception {
    PrintStream answer = System.out;
    System.setOut(System.err);
    ClientScenario scenario = new ClientScenario(args[0]);
    long started = System.currentTimeMillis();
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("client", "java");
    result.put("steps", scenario.steps);
    result.put("error", null);
    try {
      scenario.run();
    } catch (Throwable error) {
      StringWriter text = new StringWriter();
      error.printStackTrace(new PrintWriter(text));
      result.put("error", text.toString());
    }
    result.put("ms", System.currentTimeMillis() - started);
    answer.println(new ObjectMapper().writeValueAsString(result));
    answer.flush();
    System.exit(result.get("error") == null ? 0 : 1);
  }

  private Properties common() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("client.id", "varve-java");
    return properties;
  }

  private static void check(boolean ok, String what) {
    if (!ok) throw new AssertionError(what);
  }

  private static void until(String what, BooleanSupplier done) throws InterruptedException {
    long deadline = System.currentTimeMillis() + 30_000;
    while (!done.getAsBoolean()) {
      check(System.currentTimeMillis() < deadline, "waited 30 s for: " + what);
      Thread.sleep(20);
    }
  }

  private void run() throws Exception {
    try (Admin admin = Admin.create(common())) {
      admin.createTopics(List.of(new NewTopic(topic, Optional.of(PARTITIONS), Optional.empty()).configs(Map.of("retention.ms", "86400000")))).all().get();
      TopicDescription described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
      check(described.partitions().size() == PARTITIONS, "partitions of " + described);
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
      Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
      check(config.get("retention.ms").value().equals("86400000"), "retention.ms is " + config.get("retention.ms"));
      check(config.get("retention.ms").source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "source of retention.ms");
      check(config.get("cleanup.policy").source() == ConfigEntry.ConfigSource.DEFAULT_CONFIG, "source of cleanup.policy");
      admin.incrementalAlterConfigs(Map.of(resource, List.of(new AlterConfigOp(new ConfigEntry("max.message.bytes", "200000"), AlterConfigOp.OpType.SET)))).all().get();
      until("the changed setting", () -> setting(admin, resource, "max.message.bytes").equals("200000"));
      check(admin.describeCluster().nodes().get().size() >= 1, "nodes");
      steps.add("create, describe, configure");

      long before = System.currentTimeMillis();
      for (int i = 0; i < CODECS.size(); i++) {
        produce(i * RECORDS / CODECS.size(), RECORDS / CODECS.size(), CODECS.get(i));
      }
      steps.add("produce with every codec, idempotent");

      Member first = new Member("range,cooperative-sticky", null);
      poll("all records", () -> received.size() >= RECORDS, first);
      checkReceived(0, 0, RECORDS);
      check(first.assigned.size() == PARTITIONS, "one member has all");
      Member second = new Member("range,cooperative-sticky", null);
      poll("both have partitions", () -> !first.assigned.isEmpty() && !second.assigned.isEmpty() && first.assigned.size() + second.assigned.size() == PARTITIONS, first, second);
      produce(RECORDS, MORE, "none");
      poll("records by both", () -> received.size() >= RECORDS + MORE, first, second);
      first.consumer.close();
      poll("the second has all", () -> second.assigned.size() == PARTITIONS, second);
      produce(RECORDS + MORE, MORE, "lz4");
      poll("records by the second", () -> received.size() >= RECORDS + 2 * MORE, second);
      checkReceived(0, 0, RECORDS + 2 * MORE);
      second.consumer.close();
      steps.add("consume in a group that rebalances");

      int seen = received.size();
      Member third = new Member("org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "static-1");
      Member fourth = new Member("org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "static-2");
      poll("both have partitions", () -> !third.assigned.isEmpty() && !fourth.assigned.isEmpty() && third.assigned.size() + fourth.assigned.size() == PARTITIONS, third, fourth);
      produce(RECORDS + 2 * MORE, MORE, "none");
      poll("new records only", () -> received.size() >= seen + MORE, third, fourth);
      checkReceived(seen, RECORDS + 2 * MORE, MORE);
      int fourths = fourth.assigned.size();
      third.consumer.close();
      // A static member that comes back takes its partitions up again, without a rebalance.
      Member again = new Member("org.apache.kafka.clients.consumer.CooperativeStickyAssignor", "static-1");
      poll("the static member is back", () -> again.assigned.size() == PARTITIONS - fourths, again, fourth);
      check(fourth.rebalances == 1 || fourth.assigned.size() == fourths, "the other member kept its partitions");
      Map<TopicPartition, OffsetAndMetadata> committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      long sum = committed.values().stream().mapToLong(OffsetAndMetadata::offset).sum();
      check(sum == RECORDS + 3 * MORE, "committed " + committed);
      check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).members().size() == 2, "members");
      again.consumer.close();
      fourth.consumer.close();
      admin.removeMembersFromConsumerGroup(group, new org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions()).all().get();
      steps.add("static members, cooperative");

      TopicPartition zero = new TopicPartition(topic, 0);
      check(admin.listOffsets(Map.of(zero, OffsetSpec.forTimestamp(before - 1000))).all().get().get(zero).offset() == 0, "offset by time");
      long latest = admin.listOffsets(Map.of(zero, OffsetSpec.latest())).all().get().get(zero).offset();
      check(admin.listOffsets(Map.of(zero, OffsetSpec.maxTimestamp())).all().get().get(zero).offset() < latest, "offset of the newest time");
      check(admin.deleteRecords(Map.of(zero, RecordsToDelete.beforeOffset(5))).all().get() == null, "delete records");
      check(admin.listOffsets(Map.of(zero, OffsetSpec.earliest())).all().get().get(zero).offset() == 5, "log start");
      admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(7, "by hand"))).all().get();
      OffsetAndMetadata altered = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(zero);
      check(altered.offset() == 7 && altered.metadata().equals("by hand"), "altered " + altered);
      admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all().get();
      check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(zero) == null, "deleted offset");
      int node = admin.describeCluster().nodes().get().iterator().next().id();
      check(!admin.describeLogDirs(List.of(node)).allDescriptions().get().get(node).isEmpty(), "log dirs");
      admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(PARTITIONS + 2))).all().get();
      until("more partitions", () -> partitions(admin) == PARTITIONS + 2);
      steps.add("offsets, records, partitions");

      admin.deleteConsumerGroups(List.of(group)).all().get();
      check(admin.listConsumerGroups().all().get().stream().noneMatch(g -> g.groupId().equals(group)), "group is gone");
      admin.deleteTopics(List.of(topic)).all().get();
      until("the topic is gone", () -> !topics(admin).contains(topic));
      steps.add("delete");
    }
  }

  private static String setting(Admin admin, ConfigResource resource, String name) {
    try {
      return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
    } catch (Exception error) {
      throw new AssertionError(error);
    }
  }

  private int partitions(Admin admin) {
    try {
      return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    } catch (Exception error) {
      throw new AssertionError(error);
    }
  }

  private static Set<String> topics(Admin admin) {
    try {
      return admin.listTopics().names().get();
    } catch (Exception error) {
      throw new AssertionError(error);
    }
  }

  private static String keyOf(int n) {
    return "key-" + n % KEYS;
  }

  private static String valueOf(int n) {
    return n + ":" + "x".repeat(n % 200);
  }

  private void produce(int first, int count, String codec) throws Exception {
    Properties properties = common();
    properties.put("compression.type", codec);
    try (KafkaProducer<String, String> producer = new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer())) {
      List<Future<RecordMetadata>> sent = new ArrayList<>();
      for (int n = first; n < first + count; n++) {
        ProducerRecord<String, String> record = new ProducerRecord<>(topic, keyOf(n), valueOf(n));
        record.headers().add("n", String.valueOf(n).getBytes(StandardCharsets.UTF_8));
        sent.add(producer.send(record));
      }
      for (Future<RecordMetadata> future : sent) check(future.get().hasOffset(), "an offset");
      producer.metrics().forEach((name, metric) -> {
        boolean counts = name.group().equals("producer-metrics") && (name.name().equals("record-retry-total") || name.name().equals("record-error-total"));
        if (counts && (double) metric.metricValue() > 0) System.err.println("WARN " + name.name() + ": " + metric.metricValue());
      });
    }
  }

  private void checkReceived(int from, int first, int count) {
    Map<Integer, ConsumerRecord<String, String>> byNumber = new HashMap<>();
    Map<String, Integer> last = new HashMap<>();
    Map<String, Integer> place = new HashMap<>();
    List<ConsumerRecord<String, String>> records = new ArrayList<>(received.subList(from, received.size()));
    records.sort((a, b) -> a.partition() != b.partition() ? Integer.compare(a.partition(), b.partition()) : Long.compare(a.offset(), b.offset()));
    for (ConsumerRecord<String, String> record : records) {
      int n = Integer.parseInt(record.value().substring(0, record.value().indexOf(':')));
      check(byNumber.put(n, record) == null, "record " + n + " came twice");
      check(record.value().equals(valueOf(n)) && record.key().equals(keyOf(n)), "record " + n);
      check(new String(record.headers().lastHeader("n").value(), StandardCharsets.UTF_8).equals(String.valueOf(n)), "header of " + n);
      check(n > last.getOrDefault(record.key(), -1), "order of " + record.key());
      check(place.getOrDefault(record.key(), record.partition()) == record.partition(), "one partition a key");
      last.put(record.key(), n);
      place.put(record.key(), record.partition());
    }
    check(byNumber.size() == count, byNumber.size() + " records of " + count);
    check(byNumber.keySet().equals(new TreeSet<>(java.util.stream.IntStream.range(first, first + count).boxed().toList())), "every record");
  }

  private void poll(String what, BooleanSupplier done, Member... members) {
    long deadline = System.currentTimeMillis() + 60_000;
    while (!done.getAsBoolean()) {
      check(System.currentTimeMillis() < deadline, "waited 60 s for: " + what);
      for (Member member : members) {
        for (ConsumerRecord<String, String> record : member.consumer.poll(Duration.ofMillis(20))) received.add(record);
        try {
          member.consumer.commitSync();
        } catch (RebalanceInProgressException error) {
          // As its text says: polling finishes the rebalance, and the next round commits.
        }
      }
    }
  }

  private final class Member {
    final KafkaConsumer<String, String> consumer;
    final Set<Integer> assigned = new TreeSet<>();
    int rebalances;

    Member(String strategy, String instance) {
      Properties properties = common();
      properties.put("group.id", group);
      properties.put("auto.offset.reset", "earliest");
      properties.put("enable.auto.commit", "false");
      properties.put("session.timeout.ms", "10000");
      properties.put("heartbeat.interval.ms", "500");
      properties.put("fetch.max.wait.ms", "100");
      properties.put("metadata.max.age.ms", "5000");
      properties.put("partition.assignment.strategy", strategy.replace("range", "org.apache.kafka.clients.consumer.RangeAssignor").replace("cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
      if (instance != null) properties.put("group.instance.id", instance);
      consumer = new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
      consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
          for (TopicPartition partition : partitions) assigned.remove(partition.partition());
        }

        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
          rebalances++;
          for (TopicPartition partition : partitions) assigned.add(partition.partition());
        }
      });
    }
  }
}
