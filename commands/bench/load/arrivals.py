"""When requests arrive in an open loop, in seconds after the run's start."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from sgl.errors import UsageError


class Arrivals(Protocol):
    """A schedule. Every call of `times` gives the same one."""

    @property
    def rate(self) -> float | None:
        """Requests per second that are wanted; None when that changes with time."""
        ...

    def times(self) -> Iterator[float]:
        """When each request arrives; endless unless the schedule itself ends."""
        ...


@dataclass(frozen=True)
class Constant:
    """One request every ``1 / per_second`` seconds, the first at 0."""

    per_second: float

    def __post_init__(self) -> None:
        """Refuses rates that are none."""
        _check_rate(self.per_second)

    @property
    def rate(self) -> float:
        """See `Arrivals`."""
        return self.per_second

    def times(self) -> Iterator[float]:
        """See `Arrivals`."""
        number = 0
        while True:  # Multiplied, not added up: rounding errors must not grow.
            yield number / self.per_second
            number += 1


@dataclass(frozen=True)
class Gamma:
    """Gaps drawn from a gamma distribution, as vLLM's ``--burstiness`` does.

    Attributes:
        per_second: Requests per second on average.
        burstiness: Its shape: 1 is a Poisson process, below 1 comes in bursts, above is more even.
        seed: Of the draw.
    """

    per_second: float
    burstiness: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what is no rate and no shape."""
        _check_rate(self.per_second)
        if not 0 < self.burstiness < math.inf:
            raise UsageError(f"burstiness must be above 0, not {self.burstiness:g}", hint="1 is a Poisson process")

    @property
    def rate(self) -> float:
        """See `Arrivals`."""
        return self.per_second

    def times(self) -> Iterator[float]:
        """See `Arrivals`."""
        draw = random.Random(self.seed)
        at = 0.0
        while True:
            yield at
            if self.burstiness == 1.0:
                at += draw.expovariate(self.per_second)
            else:
                at += draw.gammavariate(self.burstiness, 1.0 / (self.per_second * self.burstiness))


def poisson(per_second: float, seed: int = 0) -> Gamma:
    """A Poisson process: what many users who do not know of each other make."""
    return Gamma(per_second, 1.0, seed)


@dataclass(frozen=True)
class Ramp:
    """A Poisson process whose rate moves from one to another, and stays there.

    Attributes:
        start: Requests per second at the beginning; may be 0 where the ramp is linear.
        end: At its end.
        over: Seconds that it takes.
        shape: How the rate moves between.
        seed: Of the draw; None puts arrivals evenly.
    """

    start: float
    end: float
    over: float
    shape: Literal["linear", "exponential"] = "linear"
    seed: int | None = 0

    def __post_init__(self) -> None:
        """Refuses what is no ramp."""
        if not 0 < self.over < math.inf:
            raise UsageError(f"a ramp takes some seconds, not {self.over:g}")
        if self.start < 0 or self.end < 0 or max(self.start, self.end) <= 0 or max(self.start, self.end) == math.inf:
            raise UsageError(f"a ramp from {self.start:g} to {self.end:g} requests per second has no requests")
        if self.shape == "exponential" and min(self.start, self.end) <= 0:
            raise UsageError("an exponential ramp cannot start or end at 0 requests per second")

    @property
    def rate(self) -> None:
        """See `Arrivals`."""
        return None

    def times(self) -> Iterator[float]:
        """See `Arrivals`. Draws the expected number of arrivals up to each, and finds when it is reached."""
        draw = None if self.seed is None else random.Random(self.seed)
        wanted = 0.0
        whole = self._expected_at_the_end()
        while True:
            if wanted <= whole:
                yield self._when(wanted)
            elif self.end > 0:
                yield self.over + (wanted - whole) / self.end
            else:
                return  # The rate has come down to nothing.
            wanted += 1.0 if draw is None else draw.expovariate(1.0)

    def _expected_at_the_end(self) -> float:
        if self.shape == "linear" or self.start == self.end:
            return self.over * (self.start + self.end) / 2
        return self.over * (self.end - self.start) / math.log(self.end / self.start)

    def _when(self, wanted: float) -> float:
        """The inverse of the integral of the rate."""
        if self.start == self.end:
            return wanted / self.start
        if self.shape == "linear":
            slope = (self.end - self.start) / self.over
            # The form of the solution that has no difference of like numbers.
            root = math.sqrt(max(0.0, self.start**2 + 2 * slope * wanted))
            return 2 * wanted / (self.start + root) if wanted else 0.0
        speed = math.log(self.end / self.start) / self.over
        return math.log1p(wanted * speed / self.start) / speed


@dataclass(frozen=True)
class Trace:
    """Each prompt's own time, `Prompt.at`.

    Attributes:
        scale: Seconds of the run for one of the trace: 0.5 runs it twice as fast.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuses a scale that is none."""
        if not 0 <= self.scale < math.inf:
            raise UsageError(f"a trace cannot be stretched by {self.scale:g}")

    @property
    def rate(self) -> None:
        """See `Arrivals`."""
        return None

    def times(self) -> Iterator[float]:
        """None of its own."""
        return iter(())


def _check_rate(rate: float) -> None:
    if not 0 < rate < math.inf:
        raise UsageError(f"a rate must be above 0 requests per second, not {rate:g}", hint="such as --rate 8")
