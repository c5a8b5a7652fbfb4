"""Pictures are known by their first bytes, and everything else is one line."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from sgl.errors import UsageError
from sgl_cli.chat.images import image_from_bytes, image_from_uri, image_kind, pasted_image, read_image

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
KINDS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89a rest",
    "image/webp": b"RIFF\x10\0\0\0WEBPVP8 ",
}


@pytest.mark.parametrize("mime", KINDS)
def test_the_bytes_decide_and_not_the_name(mime: str, tmp_path: Path) -> None:
    file = tmp_path / "picture.txt"
    file.write_bytes(KINDS[mime])
    picture = read_image(file)
    assert (picture.mime, picture.name) == (mime, "picture.txt")
    assert picture.uri == f"data:{mime};base64,{base64.b64encode(KINDS[mime]).decode()}"
    assert picture.part == {"type": "image_url", "image_url": {"url": picture.uri}}
    assert image_from_uri(picture.uri).data == KINDS[mime]


@pytest.mark.parametrize("data", [b"", b"x", b"<svg/>", b"%PDF-1.7", b"BM..", b"RIFF....WAVE", b"GIF88a"])
def test_what_is_no_picture(data: bytes) -> None:
    assert image_kind(data) is None
    with pytest.raises(UsageError, match=r"is empty|is not a PNG, JPEG, GIF or WebP picture"):
        image_from_bytes(data, "x\x1b[31m")


def test_sizes_are_limited_before_reading(tmp_path: Path) -> None:
    file = tmp_path / "huge.png"
    with file.open("wb") as sparse:
        sparse.write(PNG)
        sparse.truncate(1 << 32)
    with pytest.raises(UsageError, match=r"4096\.0 MiB, more than the 20 MiB"):
        read_image(file)
    with pytest.raises(UsageError, match="more than"):
        image_from_bytes(PNG, most_bytes=10)
    with pytest.raises(UsageError, match="more than"):
        image_from_uri("data:image/png;base64," + "A" * 100, most_bytes=10)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "missing.png", tmp_path / "fifo", Path("a\0b")):
        with pytest.raises(UsageError) as caught:
            read_image(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["", "http://x/y.png", "data:image/png;base64", "data:;base64,@@", "data:,x", "data:a;base64,é"]
)
def test_damaged_uris(uri: str) -> None:
    with pytest.raises(UsageError):
        image_from_uri(uri)


def test_a_dragged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my cat's.PNG"
    file.write_bytes(PNG)
    monkeypatch.setenv("HOME", str(tmp_path))
    escaped = str(file).replace(" ", "\\ ").replace("'", "\\'")
    for text in (str(file), escaped, f'"{file}"', f" {file}\n", file.as_uri(), "~/my cat's.PNG"):
        assert pasted_image(text) == file, text


@pytest.mark.parametrize(
    "text", ["", "hello", "see cat.png", "/nowhere/cat.png", "a\nb.png", "'.png", "x" * 5000 + ".png", "\0.png"]
)
def test_other_text_is_no_picture(text: str) -> None:
    assert pasted_image(text) is None
