"""What the tests, the benchmarks, the demo and the fault suites share, one room for each thing.

`stack`: the running stack, and services beside it. `kafka`: brokers, loads, the log. `store`: engines and what asks them.
`http`: listeners and pages. `calls`: clients and models. `samples`: events, texts, traffic. `docs`: pages as data.
"""
