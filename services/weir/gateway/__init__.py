"""The gateway: the two listeners of Weir, and the record of every call.

Purpose: stock Triton and OpenAI clients in, the inference service out, one durable record of each call on the way.
Consumes: registry-changes (its copy of the catalog). Produces, through the spool and `gateway-drain`:
inference-requests, inference-responses, spans, feedback.
State: the spool on disk, a snapshot of the catalog. Guarantee: a call is in the spool before its last byte leaves.
"""
