"""In bfloat16 the order of roundings counts: what is computed is as near to float32 as transformers' bfloat16 is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sgl.protocol.messages import LogprobRequest
from tests.harness import LocalEngine
from tests.zoo.deepseek import DEEPSEEK
from tests.zoo.dense import DENSE
from tests.zoo.families import logprobs, make_checkpoint
from tests.zoo.family import VOCAB, Family

SLACK = 1.25
"""Two ways to round, both right, differ by chance: by up to a tenth here."""
NAMES = ("gemma", "gemma2", "gemma3", "olmo2", "glm4", "phi3", "gpt2", "deepseek-v3-halves-dense")
"""Without experts: which of them are chosen may depend on a rounding."""


@pytest.mark.parametrize(
    "family", [each for each in (*DENSE, *DEEPSEEK) if each.name in NAMES], ids=lambda family: family.name
)
def test_bfloat16_is_as_near_to_float32_as_transformers(family: Family, tmp_path: Path) -> None:
    kind = type(make_checkpoint(family, tmp_path, torch.bfloat16))
    prompt = torch.randint(3, VOCAB - 1, (200,), generator=torch.Generator().manual_seed(3)).tolist()
    # Loaded anew: rope's frequencies are float32 then, and after `Module.to` they would not be.
    theirs = torch.tensor(logprobs(kind.from_pretrained(tmp_path, dtype=torch.bfloat16), prompt))
    exact = torch.tensor(logprobs(kind.from_pretrained(tmp_path, dtype=torch.float32), prompt))
    engine = LocalEngine.load(tmp_path, dtype="bfloat16")
    answer = engine.ask(prompt, max_new_tokens=0, logprobs=LogprobRequest(output=True, prompt_start=0))
    assert answer.prompt_logprobs is not None
    ours = torch.tensor([entry.logprob for entry in answer.prompt_logprobs[1:] if entry is not None])
    assert len(ours) == len(exact)

    def error(values: torch.Tensor) -> float:
        return float((values - exact).square().mean().sqrt())

    assert error(ours) <= SLACK * error(theirs)
