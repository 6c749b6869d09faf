"""Kafka in and out: groups and followers, producers, schemas and framed messages, dead letters.

Every loop that reads Kafka, here and in the services (ADR 20 gives the reasons at length):

    loop                  client           who                   why
    consumer.Consumer     aiokafka         alerts, inference     batches: one transaction, or one question to a model
    stream.Stream         faust            drift, evaluator      message by message; state is saved with the offsets
    lineage.sink.Sink     confluent-kafka  lineage               a thread; writes an intent into a commit, decodes nothing
    follow.Follower       aiokafka         gateway, evaluator,   no group: a compacted topic from its beginning, again at
                                           alerts                each start; confluent-kafka names the topic's id

`handling.Handling` is the contract of the first two: decode, handle, dead-letter, retry, halt. Everything is sent by
`producer.EventProducer` (aiokafka); the drain of the gateway reads the spool and no topic.
"""
