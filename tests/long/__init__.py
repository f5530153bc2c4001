"""Tests that take minutes: `python -m tests.long [--kills N] [--seed N]`."""
