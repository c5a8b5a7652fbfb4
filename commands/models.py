"""``sgl models``: what is in the Hugging Face cache, thin over huggingface_hub's own list."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from sgl.config.sizes import gib
from sgl.errors import UsageError
from sgl.hub.lookup import choose_cached

if TYPE_CHECKING:
    from sgl.hub.inventory import LocalModel

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print names only.")]
_CONTEXT = {"help_option_names": ["-h", "--help"]}


@app.callback()
def models(context: typer.Context, as_json: AsJson = False, quiet: Quiet = False) -> int:
    """List, show and remove downloaded models.

    They are those of the Hugging Face cache, which other programs share, and the one that comes with sgl.
    """
    return 0 if context.invoked_subcommand is not None else _list(as_json=as_json, quiet=quiet)


@app.command("ls", context_settings=_CONTEXT)
def list_models(as_json: AsJson = False, quiet: Quiet = False) -> int:
    """List the models on this machine."""
    return _list(as_json=as_json, quiet=quiet)


@app.command("show", context_settings=_CONTEXT)
def show(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="Its name, or the beginning of it.")],
    as_json: AsJson = False,
) -> int:
    """Show what is known about a model."""
    from sgl.preview.gpu import look_for_gpu
    from sgl.preview.model_card import card_lines, describe

    card = describe(_find(name), look_for_gpu())
    if as_json:
        print(json.dumps(card.to_json(), indent=2))
    else:
        print("\n".join(card_lines(card)))
    return 0


@app.command("rm", context_settings=_CONTEXT)
def remove(
    names: Annotated[list[str], typer.Argument(metavar="MODEL", help="Names, or the beginnings of names.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Remove models from the cache, with all their revisions."""
    from sgl.hub.inventory import remove as remove_from_cache

    chosen = list({model.name: model for model in (_find(name) for name in names)}.values())
    for model in chosen:
        if not model.removable:
            raise UsageError(f"{model.name} comes with sgl and cannot be removed")
    _warn_of_servers([model.name for model in chosen])
    listed = ", ".join(f"{model.name} ({gib(model.size)})" for model in chosen)
    if not yes and not _agreed(f"Remove {listed}?"):
        print("nothing was removed", file=sys.stderr)
        return 1
    freed = remove_from_cache([model.name for model in chosen], os.environ)
    print(f"removed {', '.join(model.name for model in chosen)}; {gib(freed)} are free again", file=sys.stderr)
    return 0


def _list(*, as_json: bool, quiet: bool) -> int:
    from sgl.hub.inventory import local_models

    found = local_models(os.environ)
    if quiet:
        print("\n".join(model.name for model in found))
        return 0
    from sgl.preview.gpu import look_for_gpu
    from sgl.preview.model_card import describe, list_lines  # Reads every config.json, which names alone need not.

    accelerator = look_for_gpu()
    cards = [describe(model, accelerator) for model in found]
    if as_json:
        print(json.dumps([card.to_json(short=True) for card in cards], indent=2))
        return 0
    print("\n".join(list_lines(cards)))
    if len(cards) == 1:
        print("no other model is in the cache; get one: sgl download Qwen/Qwen3-0.6B", file=sys.stderr)
    return 0


def _find(name: str) -> LocalModel:
    from sgl.hub.inventory import local_models

    found = {model.name: model for model in local_models(os.environ)}
    return found[choose_cached(name, list(found))]


def _agreed(question: str) -> bool:
    """Asks a person.

    Raises:
        UsageError: There is none.
    """
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; --yes removes without asking")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _warn_of_servers(names: list[str]) -> None:
    from sgl.runs.registry import servers

    for server in servers(os.environ):
        if server.model_path.partition("@")[0] in names:
            print(f"warning: the server {server.id} serves {server.model_path}", file=sys.stderr)
