"""confluent-kafka-python (librdkafka): the same steps as the other clients. `python confluent.py HOST:PORT`"""

import json
import os
import sys
import time
import traceback

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

PARTITIONS, RECORDS, MORE, KEYS = 3, 3000, 300, 120
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Log:
    """What librdkafka has to say, as far as it is a warning or worse."""

    def __init__(self, lines):
        self.lines = lines

    def statistics(self, text):
        """Retries that librdkafka makes without a word."""
        for broker in json.loads(text)["brokers"].values():
            for what in ("txretries", "req_timeouts"):
                if broker[what] > 0:
                    self.lines.append(f"{what}: {broker[what]}")

    def log(self, level, message, *args):
        if level >= 30:
            self.lines.append(message % args if args else str(message))

    def __getattr__(self, name):
        levels = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
        return lambda message, *args: self.log(levels[name], message, *args)


def records_from(first, count):
    return [(f"key-{n % KEYS}", f"{n}:{'x' * (n % 200)}", [("n", str(n).encode())]) for n in range(first, first + count)]


def until(what, done, limit_s=30):
    deadline = time.time() + limit_s
    while not done():
        if time.time() > deadline:
            raise AssertionError(f"waited {limit_s} s for: {what}")
        time.sleep(0.02)


def check(received, sent):
    by_number, last, place = {}, {}, {}
    for partition, _, key, value, headers in sorted(received):
        n = int(value.split(":")[0])
        assert n not in by_number, f"record {n} came twice"
        by_number[n] = (key, value, headers)
        assert n > last.get(key, -1), f"records of {key} are out of order"
        assert place.setdefault(key, partition) == partition, f"{key} is in two partitions"
        last[key] = n
    assert len(by_number) == len(sent), f"{len(by_number)} records of {len(sent)}"
    for record in sent:
        assert by_number[int(record[1].split(":")[0])] == record, f"{record} differs"


def run(address, steps, log):
    logger = Log(log)
    common = {
        "bootstrap.servers": address,
        "client.id": "varve-confluent",
        "logger": logger,
        "stats_cb": logger.statistics,
        "statistics.interval.ms": 500,
    }
    topic = f"confluent-{os.getpid()}-{int(time.time() * 1000)}"
    group = f"{topic}-group"
    admin = AdminClient(common)
    for future in admin.create_topics([NewTopic(topic, PARTITIONS, -1, config={"retention.ms": "86400000"})]).values():
        future.result(30)
    resource = ConfigResource(ResourceType.TOPIC, topic)
    configs = next(iter(admin.describe_configs([resource]).values())).result(30)
    assert configs["retention.ms"].value == "86400000", configs["retention.ms"]
    assert "cleanup.policy" in configs
    until("metadata", lambda: len(admin.list_topics(topic, 10).topics[topic].partitions) == PARTITIONS)
    steps.append("create and describe")

    sent, started = records_from(0, RECORDS), int(time.time() * 1000)
    errors = []

    def produce(records, **config):
        producer = Producer({**common, "partitioner": "murmur2_random", "linger.ms": 5, **config})
        for key, value, headers in records:
            producer.produce(topic, value, key, headers=headers, on_delivery=lambda error, _: error and errors.append(str(error)))
            producer.poll(0)
        assert producer.flush(30) == 0
        assert not errors, errors

    share = RECORDS // len(CODECS)
    for i, codec in enumerate(CODECS):
        config = {"compression.codec": codec, "enable.idempotence": True}
        produce(sent[i * share : (i + 1) * share], **config)
    steps.append("produce with every codec, idempotent")

    received = []

    class Member:
        def __init__(self, strategy):
            self.assigned = []
            self.consumer = Consumer(
                {
                    **common,
                    "group.id": group,
                    "auto.offset.reset": "earliest",
                    "enable.auto.commit": False,
                    "session.timeout.ms": 10000,
                    "heartbeat.interval.ms": 500,
                    "fetch.wait.max.ms": 100,
                    "partition.assignment.strategy": strategy,
                }
            )
            self.cooperative = strategy == "cooperative-sticky"
            self.consumer.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)

        def on_assign(self, consumer, partitions):
            mine = [p.partition for p in partitions]
            self.assigned = self.assigned + mine if self.cooperative else mine

        def on_revoke(self, consumer, partitions):
            gone = {p.partition for p in partitions}
            self.assigned = [p for p in self.assigned if p not in gone] if self.cooperative else []

        def poll(self):
            messages = self.consumer.consume(500, 0.02)
            for message in messages:
                if message.error():
                    errors.append(str(message.error()))
                    continue
                headers = message.headers() or []
                received.append((message.partition(), message.offset(), message.key().decode(), message.value().decode(), headers))
            if messages:
                self.consumer.commit(asynchronous=False)

    def consume(members, what, done):
        def round_():
            for member in members:
                member.poll()
            assert not errors, errors
            return done()

        until(what, round_, 60)

    def fast(members, count):
        consume(members, f"{count} records", lambda: len(received) >= count)

    first = Member("range")
    fast([first], RECORDS)
    check(received, sent)
    assert len(first.assigned) == PARTITIONS
    steps.append("consume alone")

    second = Member("range")
    consume(
        [first, second],
        "both have partitions",
        lambda: first.assigned and second.assigned and len(first.assigned + second.assigned) == PARTITIONS,
    )
    more = records_from(RECORDS, MORE)
    produce(more, acks="all")
    fast([first, second], RECORDS + MORE)
    first.consumer.close()
    consume([second], "the second has all", lambda: len(second.assigned) == PARTITIONS)
    again = records_from(RECORDS + MORE, MORE)
    produce(again, acks=1)
    fast([second], RECORDS + 2 * MORE)
    check(received, sent + more + again)
    second.consumer.close()
    steps.append("rebalance")

    before = len(received)
    third, fourth = Member("cooperative-sticky"), Member("cooperative-sticky")
    consume(
        [third, fourth],
        "both have partitions",
        lambda: third.assigned and fourth.assigned and len(third.assigned + fourth.assigned) == PARTITIONS,
    )
    last = records_from(RECORDS + 2 * MORE, MORE)
    produce(last)
    fast([third, fourth], before + MORE)
    check(received[before:], last)
    third.consumer.close()
    consume([fourth], "cooperative: one has all", lambda: len(fourth.assigned) == PARTITIONS)
    committed = fourth.consumer.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], 10)
    for partition in committed:
        low, high = fourth.consumer.get_watermark_offsets(TopicPartition(topic, partition.partition), 10)
        assert (low, high) == (0, partition.offset), (low, high, partition)
    times = fourth.consumer.offsets_for_times([TopicPartition(topic, p, started - 1000) for p in range(PARTITIONS)], 10)
    assert [t.offset for t in times] == [0, 0, 0], times
    fourth.consumer.close()
    steps.append("resume, cooperative rebalance, offsets by time")

    described = admin.describe_consumer_groups([group])[group].result(30)
    assert described.state.name == "EMPTY", described.state
    assert group in [g.group_id for g in admin.list_consumer_groups().result(30).valid]
    ends = admin.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()})
    assert next(iter(ends.values())).result(30).offset > 0
    admin.create_partitions([NewPartitions(topic, PARTITIONS + 2)])[topic].result(30)
    until("more partitions", lambda: len(admin.list_topics(topic, 10).topics[topic].partitions) == PARTITIONS + 2)
    admin.delete_consumer_groups([group])[group].result(30)
    admin.delete_topics([topic])[topic].result(30)
    until("the topic is gone", lambda: topic not in admin.list_topics(timeout=10).topics)
    steps.append("groups, add partitions, delete")


def main():
    steps, log, error, started = [], [], None, time.time()
    try:
        run(sys.argv[1], steps, log)
    except (Exception, KafkaException):
        error = traceback.format_exc()
    ms = int((time.time() - started) * 1000)
    print(json.dumps({"client": "confluent-kafka-python", "steps": steps, "log": log, "ms": ms, "error": error}))
    sys.exit(0 if error is None else 1)


main()
