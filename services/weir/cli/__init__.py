"""The command line `weir`, and the embedded stack it starts.

Purpose: run the stack on one machine; apply definitions; ask lineage, registry and alerts. Consumes: their HTTP APIs.
Produces: nothing but what it prints. State: the stack's files under `.weir/`. Guarantee: one JSON document with --json.
"""
