"""Reading: the API of calls, traces and lineage, SQL for operators, ClickHouse's HTTP interface."""
