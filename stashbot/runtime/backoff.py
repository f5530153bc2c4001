"""Growing pauses between tries: exponential, with jitter, by tenacity's rule."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, wait_exponential_jitter

#: Part of the first pause that is added at random, so that many callers do not try at once.
JITTER = 0.1
#: The first and the longest pause in seconds, for callers that name no others.
FIRST_S = 1.0
LONGEST_S = 60.0


class Backoff:
    """The pauses of one caller, in seconds. Not thread-safe.

    The first pause has `first` seconds, each further one twice as many, at most `longest`.
    """

    def __init__(self, first: float = FIRST_S, longest: float = LONGEST_S) -> None:
        self._wait = wait_exponential_jitter(multiplier=first, max=longest, jitter=JITTER * first)
        self.reset()

    def next(self) -> float:
        seconds = self._wait(self._state)
        self._state.attempt_number += 1
        return seconds

    def reset(self) -> None:
        # tenacity reads only the number of the attempt, which starts at 1.
        self._state = RetryCallState(Retrying(), None, (), {})
