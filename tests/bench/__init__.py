"""The benchmark of the product's budgets: `python -m tests.bench`.

The program runs as a process. The stand-ins run in their own processes, with a delay for the
distance. Times depend on this machine and its load.

Exit code 1: a budget that holds on any machine is exceeded. Exit code 2: a part could not be
measured.
"""
