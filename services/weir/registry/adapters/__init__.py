"""The registry's store: tables, transactions, assets, outbox and schemas in one SQL database."""
