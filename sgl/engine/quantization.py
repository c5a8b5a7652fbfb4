"""`QuantizationErrors`: what rounding weights at load did to each product, for the log."""

from __future__ import annotations

from collections.abc import Iterator


class QuantizationErrors:
    """Hears of every product that is quantised at load."""

    def __init__(self) -> None:
        self._errors: list[tuple[float, str]] = []

    def hear(self, name: str, error: float) -> None:
        """Takes a product's first matrix and its relative root mean square error."""
        self._errors.append((error, name))

    def lines(self) -> Iterator[str]:
        """One line for each product, the worst first."""
        for error, name in sorted(self._errors, reverse=True):
            yield f"quantised {name}: error {error:.2%} of its weights (root mean square)"
