"""What stashbot costs: `python -m tests.bench` measures the product's budgets.

The real program runs as a process, between stand-ins in processes of their own that are a
round trip away. Times are those of this machine, now.

The exit code is 1 where a budget is broken that holds on any machine, and 2 where something
could not be measured at all.
"""
