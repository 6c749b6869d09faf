"""The store: the one connection to ClickHouse, its tables, their retention, the disk under them."""
