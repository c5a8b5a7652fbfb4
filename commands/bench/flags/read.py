"""`read_plan`: the values of the flags as a `BenchPlan`; what contradicts itself is explained, not guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from sgl.errors import UsageError, echo

from . import values as read
from .data import read_data
from .given import Given
from .plan import APIS, Api, Arrival, BenchPlan, LoadWish, MeasureWish, OutputWish, TargetWish

_MOST_WORKERS: Final = 256


def read_plan(values: Mapping[str, object]) -> BenchPlan:
    """Checks everything that can be known without a server.

    Args:
        values: By the names of `table.FLAGS`, with ``_`` for ``-``: what was typed as text, None for what was not,
            lists for flags that may be repeated, and for switches whether they are on (None when not given).

    Raises:
        UsageError: A value is wrong, or two flags contradict each other.
    """
    given = Given(values)
    _quick(given)
    data = read_data(given)
    if data.kind == "trace" and not any(given.has(name) for name in ("rate", "ramp", "concurrency", "sweep")):
        given.set("rate", "trace")
    load = _load(given)
    if load.arrival == "trace" and data.kind != "trace":
        raise UsageError("--rate trace needs a trace to take the times from", hint="--dataset trace:FILE")
    output = _output(given)
    ignore = given.switch("ignore_eos")
    measure = _measure(given)
    if measure.versus and (load.sweep or len(load.concurrency) + len(load.rates) > 1):
        raise UsageError("--vs compares two servers under one load", hint="give one --concurrency or one --rate")
    # A person's own prompts are answered as the model answers them; all others are about lengths.
    own_words = data.kind in ("jsonl", "stdin")
    return BenchPlan(_target(given), load, data, not own_words if ignore is None else ignore, measure, output)


def _quick(given: Given) -> None:
    """``--quick`` stands for other flags: one and 64 requests at a time, 30 s each."""
    if given.switch("quick"):
        given.refuse_with("quick", ("concurrency", "rate", "ramp", "sweep", "duration", "num_prompts"))
        given.set("concurrency", "1,64")
        given.set("duration", "30s")


def _target(given: Given) -> TargetWish:
    api = given.choice("api", APIS) or "auto"
    path = given.text("path")
    if path is not None and not path.startswith("/"):
        raise UsageError(f"--path starts with a slash, got {echo(path)}")
    url = given.text("url")
    if url is not None and not url.startswith(("http://", "https://")):
        url = f"http://{url}"
    body = dict(read.json_object(text, "--body")) if (text := given.text("body")) else {}
    body.update(read.fields(given.texts("option"), "--option"))
    timeout = given.text("ready_timeout")
    return TargetWish(
        url=url,
        model=given.text("model"),
        api_key=given.text("api_key"),
        api=_as_api(api),
        path=path,
        headers=read.pairs(given.texts("header"), "--header"),
        body=body,
        ready_timeout=read.seconds(timeout, "--ready-timeout") if timeout else TargetWish.ready_timeout,
        keep=bool(given.switch("keep")),
    )


def _as_api(name: str) -> Api:
    return next(api for api in APIS if api == name)


def _load(given: Given) -> LoadWish:
    """Closed loop, or open loop with at most one number of ``--concurrency`` as its bound."""
    rate, steps = given.text("rate"), given.text("ramp")
    if rate and steps:
        raise UsageError("--ramp is a rate that rises, --rate one that stays", hint="leave one out")
    concurrency = read.wholes(text, "--concurrency") if (text := given.text("concurrency")) else ()
    opened = bool(rate or steps)
    if opened and len(concurrency) > 1:
        raise UsageError(
            "a list of --concurrency is a series of closed-loop runs, --rate and --ramp are an open loop",
            hint="leave one out, or give one --concurrency as the most requests at a time",
        )
    rates = read.rates(rate, "--rate") if rate and rate != "trace" else ()
    arrival = given.choice("arrival", ("poisson", "constant"))
    burstiness = given.text("burstiness")
    if (arrival or burstiness) and (not opened or rate == "trace"):
        name = "--arrival" if arrival else "--burstiness"
        raise UsageError(f"{name} says how requests of a --rate are spaced, and there is none", hint="add --rate 8")
    if arrival == "constant" and burstiness:
        raise UsageError("--burstiness is for Poisson arrivals; constant ones have no bursts", hint="leave one out")
    prompts, duration = given.text("num_prompts"), given.text("duration")
    if prompts and duration:
        raise UsageError("--num-prompts and --duration both say when a run ends", hint="leave one out")
    if read.is_at_once(rates) and duration:
        raise UsageError("--rate inf sends everything at once, so --duration cannot end it", hint="use --num-prompts")
    _check_sweep(given, concurrency, rates, steps or (rate if rate == "trace" else None))
    workers = read.whole(text, "--workers", high=_MOST_WORKERS) if (text := given.text("workers")) else 1
    if not opened and concurrency and workers > min(concurrency):
        raise UsageError(f"--workers {workers} cannot share --concurrency {min(concurrency)}", hint="use fewer workers")
    warmup, timeout, errors = given.text("warmup"), given.text("timeout"), given.text("max_errors")
    return LoadWish(
        concurrency=() if opened else concurrency or LoadWish.concurrency,
        rates=rates,
        arrival="trace" if rate == "trace" else _as_arrival(arrival or "poisson"),
        burstiness=read.number(burstiness, "--burstiness") if burstiness else LoadWish.burstiness,
        ramp=read.ramp(steps, "--ramp") if steps else None,
        bound=concurrency[0] if opened and concurrency else None,
        num_prompts=read.whole(prompts, "--num-prompts") if prompts else None,
        duration=read.seconds(duration, "--duration") if duration else None,
        sweep=bool(given.switch("sweep")),
        warmup=read.whole(warmup, "--warmup", low=0) if warmup else None,
        flush_cache=bool(given.switch("flush_cache")),
        workers=workers,
        timeout=read.seconds(timeout, "--timeout") if timeout else LoadWish.timeout,
        max_errors=read.error_limit(errors, "--max-errors") if errors else LoadWish.max_errors,
    )


def _check_sweep(given: Given, concurrency: tuple[int, ...], rates: tuple[float, ...], other: str | None) -> None:
    if not given.switch("sweep"):
        return
    if other is not None:
        raise UsageError("--sweep chooses the load by itself, a ramp or a trace has its own", hint="leave one out")
    if len(concurrency) + len(rates) > 1:
        raise UsageError("--sweep chooses the steps by itself", hint="leave it out, or give one number to start from")
    if read.is_at_once(rates):
        raise UsageError("--sweep raises the rate, and inf cannot be raised", hint="give a rate to start from")


def _as_arrival(name: str) -> Arrival:
    arrivals: tuple[Arrival, ...] = get_args(Arrival)
    return next(arrival for arrival in arrivals if arrival == name)


def _measure(given: Given) -> MeasureWish:
    # One flag may hold several: vLLM's --goodput is followed by all of them.
    objectives = tuple(word for text in given.texts("goodput") for word in text.replace(",", " ").split())
    text = given.text("assert_file")
    return MeasureWish(
        goodput=objectives,
        assertions=given.texts("assert"),
        assert_file=read.file(text) if text else None,
        versus=given.text("vs"),
    )


def _output(given: Given) -> OutputWish:
    names = ("save", "requests", "csv", "md", "html", "junit")
    files = {name: read.file(text) for name in names if (text := given.text(name))}
    taken: dict[str, str] = {}
    for name, path in files.items():
        other = taken.setdefault(str(path), name)
        if other != name:
            raise UsageError(f"--{other} and --{name} would write the same file", hint="give each its own")
    as_json = bool(given.switch("json"))
    if as_json and "-" in taken:
        raise UsageError(f"--json and --{taken['-']} - both print to standard output", hint="give one a file")
    details = bool(given.switch("details"))
    if details and "save" not in files and not as_json:
        raise UsageError("--details adds the requests to a saved result, and none is saved", hint="add --save FILE")
    return OutputWish(
        save=files.get("save"),
        details=details,
        requests=files.get("requests"),
        csv=files.get("csv"),
        markdown=files.get("md"),
        html=files.get("html"),
        junit=files.get("junit"),
        as_json=as_json,
        name=given.text("name"),
        meta=read.pairs(given.texts("meta"), "--meta"),
        live=not given.switch("no_tui"),
        quiet=bool(given.switch("quiet")),
    )
