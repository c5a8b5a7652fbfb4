"""``sgl bench offline``, ``one-batch`` and ``startup``: thin Typer commands; `add_to` puts them under an app.

Each takes the flags of ``sgl serve`` as well: Typer hands the words that it does not know on unread.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final

import typer

from sgl.errors import UsageError, echo
from sgl.exits import INTERRUPTED
from sgl.runs.interrupts import Interrupts
from sgl.terminal import Terminal, tolerate

from .progress import Progress
from .settings import Settings, read_settings, with_model

CONTEXT_SETTINGS: Final = {
    "help_option_names": ["-h", "--help"],
    "allow_extra_args": True,
    "ignore_unknown_options": True,
}
_SIGNALLED: Final = 128
"""Added to a signal's number, as shells do it."""

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="MODEL", help="The model, as for sgl serve; without it the built-in one."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def add_to(app: typer.Typer) -> None:
    """Puts the commands under ``app``."""
    app.command("offline", context_settings=CONTEXT_SETTINGS)(offline)
    app.command("one-batch", context_settings=CONTEXT_SETTINGS)(one_batch)
    app.command("startup", context_settings=CONTEXT_SETTINGS)(startup)


def offline(
    context: typer.Context,
    model: Model = None,
    dataset: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Where prompts come from: public-256, random, shared-prefix, jsonl:FILE, sharegpt:FILE or stdin.",
        ),
    ] = "public-256",
    scale: Annotated[
        float,
        typer.Option(metavar="X", help="Shorten every prompt and answer to this part, for a slow machine: 0.05."),
    ] = 1.0,
    num_prompts: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="How many prompts. Without it, all there are, or 256.")
    ] = None,
    input_len: Annotated[
        str | None, typer.Option(metavar="TOKENS", help="Tokens of a made prompt: 1k, 100-1024, normal:512:128.")
    ] = None,
    output_len: Annotated[
        str | None, typer.Option(metavar="TOKENS", help="Tokens of an answer, in the same forms.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the prompts and of the draws.")] = 0,
    temperature: Annotated[
        float | None, typer.Option(metavar="X", min=0, help="Of the draws. Without it, the dataset's own, or 0.")
    ] = None,
    stop_at_eos: Annotated[
        bool, typer.Option("--stop-at-eos", help="Let an end token end an answer before its length.")
    ] = False,
    no_warmup: Annotated[bool, typer.Option("--no-warmup", help="Start the clock with the first prompt.")] = False,
    as_json: AsJson = False,
) -> int:
    """Measure throughput without a server: all prompts at once.

    Without flags it is the public workload of small engines: 256 sequences, 142,827 tokens in and 133,966 out,
    temperature 0.6. One prompt is answered before the clock starts. Every flag of sgl serve is taken, too.

    Ctrl-C ends the run and shows what was computed until then.

      sgl bench offline -m Qwen/Qwen3-0.6B
      sgl bench offline -m Qwen/Qwen3-0.6B --scale 0.05 --dtype bfloat16
    """
    from .offline import Cancelled, OfflineOptions, run_offline
    from .offline_prompts import PUBLIC, all_prompts, offline_dataset, scaled
    from .offline_report import lines

    if dataset == PUBLIC and seed:
        raise UsageError("public-256 has one seed, which is 0", hint="--dataset random takes a --seed")
    settings = _settings(model, context.args)
    typed = {"dataset": dataset, "input_len": input_len, "output_len": output_len, "seed": str(seed) if seed else None}
    source = offline_dataset(typed, settings, sys.stdin)
    prompts = scaled(all_prompts(source, num_prompts), scale)
    options = OfflineOptions(
        settings,
        prompts,
        source.name,
        seed=seed,
        scale=scale,
        temperature=temperature,
        ignore_eos=not stop_at_eos,
        warm_up=not no_warmup,
    )
    with Interrupts() as interrupts, Progress(sys.stderr) as progress:
        try:
            result = run_offline(options, progress, lambda: interrupts.first is not None)
        except Cancelled:
            return _SIGNALLED + (interrupts.first or 0)
    _print(as_json, result.to_json, lambda terminal: lines(result, terminal))
    if interrupts.first is not None:
        return _SIGNALLED + interrupts.first
    return 1 if result.failed else 0


def one_batch(
    context: typer.Context,
    model: Model = None,
    batch: Annotated[
        str, typer.Option("--batch", metavar="N,...", help="Requests at once; each is measured.")
    ] = "1,8,32",
    input_len: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens of a prompt.")] = 512,
    output_len: Annotated[int, typer.Option(metavar="N", min=1, help="Tokens of an answer.")] = 64,
    repeat: Annotated[
        int, typer.Option(metavar="N", min=1, help="Rounds of each batch size; fewer when they take over 30 s.")
    ] = 3,
    temperature: Annotated[float, typer.Option(metavar="X", min=0, help="Of the draws; 0 is greedy.")] = 0.0,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the prompts.")] = 0,
    parts: Annotated[bool, typer.Option("--parts", help="Name every part of a step, not only kinds of work.")] = False,
    no_breakdown: Annotated[bool, typer.Option("--no-breakdown", help="Measure times only.")] = False,
    as_json: AsJson = False,
) -> int:
    """Measure prefill and decode steps of fixed batches, and where their time goes.

    Times are of the engine's own steps, without a server. What the machine reads and multiplies at best is measured
    on the spot: a decode step is held against the memory bandwidth, a prefill against the rate of matrix products.
    The prefix cache and speculation are off. Every flag of sgl serve is taken, too.

      sgl bench one-batch -m Qwen/Qwen3-0.6B --batch 1,16 --input-len 256
    """
    from .one_batch import OneBatchOptions, run_one_batch
    from .one_batch_report import lines

    options = OneBatchOptions(
        _settings(model, context.args),
        _numbers(batch),
        input_len,
        output_len,
        repeat=repeat,
        temperature=temperature,
        seed=seed,
        breakdown=not no_breakdown,
    )
    with Progress(sys.stderr) as progress:
        result = run_one_batch(options, progress)
    _print(as_json, result.to_json, lambda terminal: lines(result, terminal, parts=parts))
    return INTERRUPTED if result.partial else 0


def startup(
    context: typer.Context,
    model: Model = None,
    starts: Annotated[int, typer.Option(metavar="N", min=1, help="How many starts.")] = 3,
    keep_cache: Annotated[
        bool, typer.Option("--keep-cache", help="Leave the weights in the system's cache before the first start.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Measure how long sgl serve takes until its first token.

    Starts a server in the background again and again, and stops it. Before the first start the system is asked to let
    go of the weights; if it does, that start is a cold one. Every flag of sgl serve is taken, too, and goes to the
    server.

      sgl bench startup -m Qwen/Qwen3-0.6B --starts 5
    """
    from .startup import StartupOptions, run_startup
    from .startup_report import lines

    settings = _settings(model, context.args)
    options = StartupOptions(settings, tuple(context.args), starts, cold=not keep_cache)
    with Progress(sys.stderr) as progress:
        result = run_startup(options, progress)
    _print(as_json, result.to_json, lambda terminal: lines(result, terminal))
    return INTERRUPTED if result.partial else 0


def _settings(model: str | None, words: Iterable[str]) -> Settings:
    settings = read_settings(with_model(model, list(words)), os.environ)
    for notice in settings.notices:
        print(f"note: {notice}", file=sys.stderr)
    return settings


def _numbers(text: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise UsageError(f"--batch takes numbers with commas between them, such as 1,8,32, not {echo(text)}") from None
    return tuple(dict.fromkeys(numbers))


def _print(as_json: bool, document: Callable[[], Mapping[str, Any]], lines: Callable[[Terminal], list[str]]) -> None:
    if as_json:
        print(json.dumps(document(), indent=2))
        return
    tolerate(sys.stdout)
    print("\n".join(lines(Terminal(sys.stdout))))
