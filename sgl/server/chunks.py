"""What the two OpenAI routes share in their answers: identity, constant bytes around chunks, token counts."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from sgl.protocol.messages import EngineInfo
from sgl.protocol.openai import Generating
from sgl.runtime.client import FinishReason, Generation
from sgl.server.usage import Timings, Usage, timings_of, usage_of


def fingerprint(info: EngineInfo) -> str:
    """OpenAI's ``system_fingerprint``: changes when the engine, and with it the numbers, may have changed."""
    identity = (info.architecture, info.vocab_size, info.dtype, info.device, sorted(info.settings.items()))
    return "fp_" + hashlib.sha256(msgspec.json.encode(identity)).hexdigest()[:12]


def finish_fields(finish: FinishReason | None) -> dict[str, str | int | None]:
    """How a choice ended; ``matched_stop`` is SGLang's, the stop string or token id, only once it has ended."""
    if finish is None:
        return {"finish_reason": None}
    return {"finish_reason": finish.kind, "matched_stop": finish.matched}


@dataclass(frozen=True, slots=True)
class Identity:
    """What every chunk of an answer repeats."""

    id: str
    created: int
    model: str
    system_fingerprint: str

    @classmethod
    def fresh(cls, prefix: str, model: str, system_fingerprint: str) -> Identity:
        """A new answer's: ``prefix`` and 128 random bits."""
        return cls(f"{prefix}-{uuid.uuid4().hex}", int(time.time()), model, system_fingerprint)

    def fields(self, kind: str) -> dict[str, object]:
        """The head of an object of the given ``kind``, e.g. ``chat.completion``."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.system_fingerprint,
        }


class ChunkFrame:
    """Builds the events of one stream: only what is new is encoded, all else is joined as bytes.

    With ``include_usage`` chunks carry ``"usage":null`` and `closing` the counts, as OpenAI does it; with
    ``continuous_usage`` every chunk carries the counts so far.
    """

    def __init__(self, identity: Identity, kind: str, request: Generating, generations: Sequence[Generation]) -> None:
        self._request = request
        self._generations = generations
        # The object without its closing brace: the choices and the counts follow.
        self._prefix = b'data: %b,"choices":[' % msgspec.json.encode(identity.fields(kind))[:-1]
        self._suffix = b'],"usage":null}\n\n' if request.include_usage else b"]}\n\n"

    def event(self, choice: bytes) -> bytes:
        """A chunk with one choice, given as JSON."""
        return b"".join((self._prefix, choice, self._counted() if self._request.continuous_usage else self._suffix))

    def closing(self) -> bytes:
        """The chunk without choices that has the final counts and times; nothing unless it was asked for."""
        if not self._request.include_usage:
            return b""
        return b"%b],%b}\n\n" % (self._prefix, msgspec.json.encode(self.totals())[1:-1])

    def totals(self) -> dict[str, Usage | Timings]:
        """``usage`` and, where the engine has said it, ``timings`` of the whole answer."""
        totals: dict[str, Usage | Timings] = {"usage": usage_of(self._generations, self._request.choices)}
        timings = timings_of(self._generations)
        return totals if timings is None else {**totals, "timings": timings}

    def _counted(self) -> bytes:
        return b'],"usage":%b}\n\n' % msgspec.json.encode(usage_of(self._generations, self._request.choices))
