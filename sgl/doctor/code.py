"""`Code`: the stable name of a check, and what ``sgl doctor --explain`` says about it."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One row of the table of codes (`sgl.doctor.codes`).

    The first digit is the group: SGL1xx python, 2xx gpu, 3xx cpu, 4xx system, 5xx kernels, 6xx model, 7xx flags,
    8xx fit. A number is never given to another check, so that old bug reports stay readable.

    Attributes:
        name: ``SGL106``.
        title: What is checked, in a few words.
        explanation: Why it matters and what the verdicts mean; a few plain sentences.
        todo: What to do about a warning or an error; a few plain sentences.
        gpu: Whether it concerns computing on a GPU only.
    """

    name: str
    title: str
    explanation: str
    todo: str
    gpu: bool = False
