"""Inference: the governed way to the model server, and the measures of every text that passed.

gRPC in (Open Inference Protocol), Triton out: message bytes are forwarded unchanged, deadlines and cancellation are
propagated, and a call too many is refused before it queues. Consumes `inference-responses` (group
`inference-features`), produces `text-features`. State: none on disk but cached schema ids; in memory a bounded cache
of embeddings by content. Guarantee: an answered call is never held back by Kafka; features are at least once, and
consumers deduplicate by `item.response_event_id`, because a replay may cut the batches differently.
"""
