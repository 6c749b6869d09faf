"""Registry: every version of every asset, immutable and pinned by digest, and the schemas of the log.

Takes definitions of prompts, chains, models, datasets, policies, evaluators and rules over HTTP; produces
`registry-changes` (its whole state, compacted) and `governance-log` (what was executed and what was refused, hash
chained); serves the Confluent-compatible schema API. State: a SQL database, SQLite under the data folder or Postgres by
URL. Guarantee: a change and its events are one transaction, so nothing is published that was not stored and nothing
stored stays unpublished; events are at least once, with ids that make a repeat harmless.
"""
