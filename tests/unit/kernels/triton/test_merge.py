"""Two parts of attention become what attention to all keys is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sgl.attention.reference import attend_dense
from sgl.kernels.triton.merge import merge_states
from sgl.kernels.twins import merge as twin


def parts(dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
    """Results and sums of 3 tokens and 2 heads over 5 keys, 4 others, and all of them."""
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 24), torch.randn(9, 1, 24), torch.randn(9, 1, 24)
    found = []
    for rows in (slice(0, 5), slice(5, 9), slice(0, 9)):
        attended = attend_dense(query, key[rows], value[rows], first_position=9, first_key=0)
        found.append((attended.mixed.to(dtype).contiguous(), attended.lse.contiguous()))
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_parts_become_the_whole(dtype: torch.dtype) -> None:
    first, second, (whole, lse) = parts(dtype)
    tight = {"atol": 2e-6, "rtol": 1e-5}
    close = tight if dtype == torch.float32 else {"atol": 8e-3, "rtol": 2e-2}
    for merge in (twin.merge_states, merge_states):
        got, got_lse = merge(*first, *second)
        torch.testing.assert_close(got, whole, **close)
        torch.testing.assert_close(got_lse, lse, **tight)


def test_a_part_without_keys_counts_for_nothing() -> None:
    """Whatever it holds; where both have none, the result is zeros."""
    (first, first_lse), (second, second_lse), _ = parts(torch.float32)
    first_lse[0], second_lse[1] = -torch.inf, -torch.inf
    first_lse[2], second_lse[2] = -torch.inf, -torch.inf
    wanted, wanted_lse = twin.merge_states(first, first_lse, second, second_lse)
    first[0], second[1], first[2] = torch.nan, torch.nan, torch.nan
    got, lse = merge_states(first, first_lse, second, second_lse)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(lse, wanted_lse)
    assert not got[2].any()


def test_a_part_may_be_overwritten() -> None:
    first, second, _ = parts(torch.float32)
    wanted, wanted_lse = merge_states(*first, *second)
    got, lse = merge_states(*first, *second, out=first[0], lse=first[1])
    assert got is first[0]
    assert lse is first[1]
    assert torch.equal(got, wanted)
    assert torch.equal(lse, wanted_lse)


def test_shapes_that_do_not_fit_are_refused() -> None:
    (first, lse), _, _ = parts(torch.float32)
    with pytest.raises(ValueError, match="states to merge"):
        merge_states(first, lse, first[:2], lse)
    with pytest.raises(ValueError, match="contiguous"):
        merge_states(first[:2], lse.T[:, :2].T, first[:2], lse[:2], out=first[:2].transpose(1, 2))
