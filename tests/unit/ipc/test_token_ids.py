from __future__ import annotations

import pytest

from sgl.ipc.token_ids import pack_ids, unpack_ids


def test_ids_are_little_endian_int32() -> None:
    assert pack_ids([1, 258, 2**31 - 1]) == bytes.fromhex("01000000 02010000 ffffff7f")


@pytest.mark.parametrize("ids", [[], [0], list(range(1000)), (5, 6)])
def test_round_trip(ids: list[int]) -> None:
    assert list(unpack_ids(pack_ids(ids))) == list(ids)


def test_an_id_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(OverflowError):
        pack_ids([2**31])


def test_half_an_id_is_an_error() -> None:
    with pytest.raises(ValueError, match="multiple"):
        unpack_ids(b"\1\0\0")
