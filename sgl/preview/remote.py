"""`fetch_model`: what the Hub says about a model that is not on this machine. Nothing is kept.

Imports the Hub's client, which takes a third of a second: only a preview of such a model imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sgl.config.hf import HfConfig
from sgl.errors import ModelNotFound
from sgl.hub.client import HubClient
from sgl.hub.failures import explain
from sgl.hub.listing import Listing
from sgl.hub.repository import Repository


class RemoteModel(NamedTuple):
    """A model on the Hub.

    Attributes:
        hf: Its config.json.
        paths: All files of the repository.
        weight_bytes: Bytes of its safetensors; 0 when it has none.
    """

    hf: HfConfig
    paths: tuple[str, ...]
    weight_bytes: int


def fetch_model(repository: Repository, environ: Mapping[str, str]) -> RemoteModel:
    """Asks once: for the list of files, and for config.json.

    Raises:
        SglError: The Hub does not have it, does not give it, or cannot be reached.
    """
    client = HubClient(environ)
    try:
        listing = client.list(repository)
        config = listing.files.get("config.json")
        if config is None:
            raise ModelNotFound(f"{repository} has no config.json.")
        text = client.read(repository, listing.commit, config)
    except Exception as error:  # Network, disk, transfer: the Hub's client has many kinds of failure.
        raise explain(error, repository, client, environ) from error
    return RemoteModel(HfConfig.parse(text, f"{repository}/config.json"), tuple(listing.files), _weight_bytes(listing))


def _weight_bytes(listing: Listing) -> int:
    """Bytes of the weights that the loader would open: the same again in folders or as one file do not count."""
    return sum(
        file.size
        for path, file in listing.files.items()
        if path.endswith(".safetensors") and "/" not in path and not path.startswith("consolidated")
    )
