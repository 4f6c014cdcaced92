import logging

import pytest
from confluent_kafka import Producer

PRODUCER = Producer(
    {
        "bootstrap.servers": "127.0.0.1:1",
        "queue.buffering.max.messages": 1,
        "log_level": 0,
        "logger": logging.getLogger("quiet"),
    }
)
PRODUCER.produce("topic", b"fills the queue")


def test_leak():
    headers = {f"h{i}": "v" * 100 for i in range(10)}
    with pytest.raises(BufferError):
        PRODUCER.produce("topic", b"x", headers=headers)
