"""``sgl download``: a model from the Hugging Face Hub to this machine, as `sgl.hub.download` brings it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sgl.config.sizes import gib
from sgl.hub.cached import cache_folder, cached_snapshot, is_offline
from sgl.hub.lookup import repository_to_download
from sgl.hub.repository import Repository
from sgl.hub.resolve import offline_error
from sgl.hub.snapshot import missing_files
from sgl.log import escape

if TYPE_CHECKING:
    from sgl.hub.display import Display
    from sgl.hub.download import Download, Hub
    from sgl.hub.verify import Damage
    from sgl.preview.fit import Fit

CHECK_FAILED = 3

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def download(
    repository: Annotated[
        str, typer.Argument(metavar="REPO", help="The repository, as owner/name or owner/name@revision.")
    ],
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit.")] = None,
    local_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put the files into this folder, not into the shared cache.")
    ] = None,
    quant_file: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="The weight file to take where there are several, such as *Q4_K_M*."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Take every file, also what sgl never opens.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every file with the checksum that the hub lists.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be downloaded, and stop.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Go on though the disk looks too small; with --verify, fetch damaged files again."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the folder's path only.")] = False,
) -> int:
    """Download a model from the Hugging Face hub.

    Only what is served comes: safetensors, config, tokenizer and chat templates. An interrupted download goes on where
    it stopped, and every file is compared with its checksum as it arrives. The last line on stdout is the folder.

    HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE are respected.
    """
    # Imported here: the page of help and a wrong flag need neither the Hub's client nor the planner.
    from sgl.hub.display import open_display
    from sgl.hub.download import Hub, Wish

    chosen = repository_to_download(repository, revision, os.environ)
    display = open_display(sys.stderr, quiet=quiet)
    try:
        if is_offline(os.environ):
            return _offline(chosen, local_dir, display, verify=verify, as_json=as_json)
        hub = Hub(os.environ, display)
        plan = hub.prepare(Wish(repository=chosen, local_dir=local_dir, quant=quant_file, everything=everything))
        fit = _judge(hub, plan)
        if dry_run:
            return _show_plan(plan, fit, force=force, as_json=as_json, quiet=quiet)
        _announce(plan, fit, local_dir, display)
        received = hub.fetch(plan, force=force)
        damaged = _verify(hub, plan, display, force=force) if verify else []
    finally:
        display.close()
    if as_json:
        from sgl.hub.report import document

        _print_json({**document(plan, received=received), "fit": _fit_document(fit), "damaged": _names(damaged)})
    elif not damaged:
        print(plan.store.root, flush=True)
    if damaged:
        return _report_damage(damaged, f"sgl download {chosen} --verify --force fetches them again")
    if not (quiet or as_json) and fit.served:
        print(f"next: sgl serve -m {chosen if local_dir is None else local_dir}", file=sys.stderr)
    return 0


def _judge(hub: Hub, plan: Download) -> Fit:
    from sgl.device import probe_cpu
    from sgl.preview.fit import judge
    from sgl.preview.gpu import look_for_gpu

    return judge(hub.read(plan, "config.json"), probe_cpu(), look_for_gpu())


def _announce(plan: Download, fit: Fit, local_dir: Path | None, display: Display) -> None:
    """What is about to happen, before the first byte."""
    count = len(plan.selection.files)
    files = f"{count} file{'' if count == 1 else 's'}, {gib(plan.total_bytes)}"
    if plan.missing:
        place = cache_folder(os.environ) if local_dir is None else local_dir
        rest = "" if plan.wanted_bytes == plan.total_bytes else f", {gib(plan.wanted_bytes)} of it still to download"
        display.note(f"{plan.repository}: {files}{rest}, to {place}")
    else:
        display.note(f"{plan.repository}: {files}, all there")
    for text in (*plan.selection.warnings, *(() if fit.verdict == "fits" else (fit.line,))):
        display.note(f"warning: {text}")
    if fit.verdict == "fits":
        display.note(fit.line)


def _show_plan(plan: Download, fit: Fit, *, force: bool, as_json: bool, quiet: bool) -> int:
    """Prints what would be downloaded; ends as a download would that finds the disk too small."""
    from sgl.hub.disk import check_disk
    from sgl.hub.report import document, table

    if as_json:
        _print_json({**document(plan, received=None), "fit": _fit_document(fit)})
    elif quiet:
        print(plan.store.root)
    else:
        warnings = [f"warning: {text}" for text in plan.selection.warnings]
        print("\n".join([f"{plan.repository} at {plan.listing.commit[:12]}", "", *table(plan), *warnings, fit.line]))
    if not force:
        sys.stdout.flush()
        check_disk(plan.store.root, plan.wanted_bytes)
    return 0


def _verify(hub: Hub, plan: Download, display: Display, *, force: bool) -> list[Damage]:
    """Compares every file with its checksum; with ``force``, fetches the damaged ones again."""
    from dataclasses import replace

    from sgl.hub.verify import verify_checksums

    damaged = verify_checksums(plan, display)
    if damaged and force:
        display.note(f"Damaged, fetched again: {', '.join(_names(damaged))}")
        broken = tuple(f for f in plan.selection.files if plan.store.path(f) in {each.path for each in damaged})
        for file in broken:
            plan.store.discard(file)
        hub.fetch(replace(plan, missing=broken, parts=0), force=True)
        damaged = verify_checksums(plan, display)
    if not damaged:
        count = len(plan.selection.files)
        display.note(f"Verified: {count} file{'' if count == 1 else 's'}, each as the hub lists it")
    return damaged


def _offline(repository: Repository, local_dir: Path | None, display: Display, *, verify: bool, as_json: bool) -> int:
    """Says where the model is, or what of it is missing."""
    from sgl.hub.verify import verify_headers

    folder = local_dir or cached_snapshot(repository.identity, repository.revision, os.environ)
    missing = None if folder is None or not folder.is_dir() else missing_files(folder)
    if folder is None or missing is None or missing:
        raise offline_error(repository, missing)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    damaged = verify_headers(files) if verify else []
    display.note(f"{repository} is complete; nothing is asked of the hub while HF_HUB_OFFLINE is set")
    if as_json:
        listed = [{"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size} for path in files]
        _print_json(
            {
                "repository": repository.identity,
                "revision": repository.revision,
                "path": str(folder),
                "files": listed,
                "bytes": sum(path.stat().st_size for path in files),
                "bytes_downloaded": 0,
                "damaged": _names(damaged),
            }
        )
    elif not damaged:
        print(folder)
    return _report_damage(damaged, "download them again when the hub can be reached") if damaged else 0


def _report_damage(damaged: list[Damage], hint: str) -> int:
    for each in damaged:
        print(f"error: {escape(str(each.path))} is damaged: {each.reason}", file=sys.stderr)
    print(f"  hint: {hint}", file=sys.stderr)
    return CHECK_FAILED


def _names(damaged: list[Damage]) -> list[str]:
    return [each.path.name for each in damaged]


def _fit_document(fit: Fit) -> dict[str, Any]:
    return {"verdict": fit.verdict, "line": fit.line, "architecture": fit.architecture}


def _print_json(document: dict[str, Any]) -> None:
    print(json.dumps(document, indent=2))
