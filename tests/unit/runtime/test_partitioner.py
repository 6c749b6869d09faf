"""Law: a key has the partition that aiokafka's own partitioner gives it, which is the Java client's."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.kafka.partitioner import partition_of


@given(key=st.binary(max_size=80), partitions=st.integers(1, 64))
def test_a_key_has_the_partition_that_kafkas_clients_give_it(key: bytes, partitions: int) -> None:
    every = list(range(partitions))

    assert partition_of(key, partitions) == DefaultPartitioner()(key, every, every)
