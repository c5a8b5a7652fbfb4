"""`explain`: what ended a download, as one line that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from difflib import get_close_matches

from huggingface_hub import errors

from sgl.config.sizes import gib
from sgl.errors import DownloadError, ModelNotFound, SglError
from sgl.hub.cached import cached_names, cached_snapshot
from sgl.hub.client import HubClient
from sgl.hub.disk import free_bytes
from sgl.hub.patience import clock_after, is_transport, named_wait, reason_of, status_of
from sgl.hub.repository import Repository
from sgl.hub.snapshot import missing_files
from sgl.hub.store import Store

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
KEPT = "What has arrived is kept: the same command goes on from there."


def explain(
    error: Exception, repository: Repository, client: HubClient, environ: Mapping[str, str], store: Store | None = None
) -> SglError:
    """Returns our error for whatever the Hub, its client, the network or the disk raised.

    Args:
        error: What was raised.
        repository: What was asked for.
        client: Who was asked.
        environ: Where the cache is, whose names are suggested.
        store: Where the files were going to, once they were.
    """
    if isinstance(error, SglError):
        return error
    explained = _explain(error, repository, client, environ, store)
    if isinstance(explained, DownloadError) and store is None and _is_cached(repository, environ):
        explained.hint = f"It is in the cache all the same: sgl serve -m {repository}"
    return explained


def _explain(
    error: Exception, repository: Repository, client: HubClient, environ: Mapping[str, str], store: Store | None
) -> SglError:
    if isinstance(error, errors.GatedRepoError):
        return _gated(repository, client)
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelNotFound(
            f"{repository.identity} has no revision '{repository.revision}'.",
            hint=f"Its branches and tags are listed on {client.page(repository)}/tree/main",
        )
    status = status_of(error)
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        return _not_found(repository, client, environ)
    if status == 429:
        return _too_many(error, client)
    if status is not None:
        return DownloadError(f"{reason_of(error)} for {repository} ({client.host}).", hint=KEPT)
    if is_transport(error):
        return _unreachable(error, client)
    if isinstance(error, OSError):
        return _disk(error, store)
    return DownloadError(f"{repository} cannot be downloaded: {reason_of(error)}")


def _is_cached(repository: Repository, environ: Mapping[str, str]) -> bool:
    snapshot = cached_snapshot(repository.identity, repository.revision, environ)
    return snapshot is not None and not missing_files(snapshot)


def _gated(repository: Repository, client: HubClient) -> ModelNotFound:
    page = client.page(repository)
    if client.signed_in:
        return ModelNotFound(
            f"{repository} is gated, and the account of your token has not been let in.",
            hint=f"Accept its terms on {page} with that account, or run: hf auth login",
        )
    return ModelNotFound(
        f"{repository} is gated: its authors give it to people who accept their terms.",
        hint=f"Accept them on {page}, then run: hf auth login",
    )


def _not_found(repository: Repository, client: HubClient, environ: Mapping[str, str]) -> ModelNotFound:
    names = {name.lower(): name for name, _ in cached_names(environ)}
    near = get_close_matches(repository.identity.lower(), list(names), n=1, cutoff=0.7)
    if near and names[near[0]] != repository.identity:
        hint = f"Did you mean {names[near[0]]}, which is in the cache?"
    elif client.signed_in:
        hint = "If it is private, your token must be allowed to read it: hf auth login"
    else:
        hint = "Check the name; a private repository needs a token: hf auth login"
    return ModelNotFound(f"There is no public repository {repository.identity} on {client.host}.", hint=hint)


def _too_many(error: Exception, client: HubClient) -> DownloadError:
    wait = named_wait(error)
    when = f"Try again at {clock_after(wait)}, in {wait:.0f} s." if wait else "Try again in a few minutes."
    more = "" if client.signed_in else " A token raises the limit: hf auth login"
    return DownloadError(f"{client.host} takes no more requests from here for now (429).", hint=when + more)


def _unreachable(error: Exception, client: HubClient) -> DownloadError:
    return DownloadError(
        f"{client.host}: {reason_of(error)}.",
        hint=f"Check the network, HTTPS_PROXY and HF_ENDPOINT. {KEPT}",
    )


def _disk(error: OSError, store: Store | None) -> DownloadError:
    reason = error.strerror or str(error) or type(error).__name__
    place = error.filename or (store.root if store is not None else "the cache")
    if error.errno in _FULL:
        free = f" ({gib(free_bytes(store.root))} free)" if store is not None else ""
        return DownloadError(f"The disk is full: {place}{free}: {reason}.", hint=f"Make room. {KEPT}")
    return DownloadError(f"{place} cannot be written: {reason}.")
