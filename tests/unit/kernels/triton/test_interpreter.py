"""The interpreter computes bfloat16 as torch does, once it is corrected; else no other test here means anything."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


@triton.jit
def square(x: tl.tensor, out: tl.tensor, wide: tl.tensor, SIZE: tl.constexpr) -> None:
    rows, columns = tl.arange(0, SIZE)[:, None], tl.arange(0, SIZE)[None, :]
    given = tl.load(x + rows * SIZE + columns)
    product = tl.dot(given, given)
    tl.store(wide + rows * SIZE + columns, product)
    tl.store(out + rows * SIZE + columns, product.to(tl.bfloat16))


def test_bfloat16_products_and_rounding_are_those_of_torch() -> None:
    torch.manual_seed(0)
    x = torch.randn(16, 16).to(torch.bfloat16)
    out, wide = torch.empty_like(x), torch.empty(16, 16)
    square[(1,)](x, out, wide, SIZE=16)
    torch.testing.assert_close(wide, x.float() @ x.float())
    assert torch.equal(out, wide.to(torch.bfloat16))
    assert not torch.equal(out, (wide.view(torch.int32) >> 16 << 16).view(torch.float32).to(torch.bfloat16))
