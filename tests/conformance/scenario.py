"""What a case is: a coroutine on a bench, which raises where the case fails."""

from collections.abc import Awaitable, Callable

from tests.conformance.bench import Bench

type Scenario = Callable[[Bench], Awaitable[str | None]]  # the text is what is special at a venue
