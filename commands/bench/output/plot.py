"""One plot as inline SVG: axes, and lines, steps or points on them. Colours come from the page's style sheet.

Series differ in colour and in dashes or the form of their points, so that a plot can be read without colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .axis import Axis, tick_text
from .markup import Markup, element, joined

Kind = Literal["line", "steps", "points"]
Point = tuple[float, float]

WIDTH: Final = 640
HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 30, 46
_LEGEND_STEP: Final = 150
_LABEL_EDGE: Final = 560

STYLE: Final = """
.plot { width: 100%; max-width: 720px; height: auto; font: 12px system-ui, sans-serif; }
.plot text { fill: var(--soft); }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .axis { stroke: var(--soft); stroke-width: 1; }
.plot .series { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.plot .dot { stroke: none; }
.plot .s0 { stroke: var(--first); } .plot .dot.s0 { fill: var(--first); }
.plot .s1 { stroke: var(--second); stroke-dasharray: 7 3; } .plot .dot.s1 { fill: var(--second); }
.plot .s2 { stroke: var(--third); stroke-dasharray: 2 3; } .plot .dot.s2 { fill: var(--third); }
.plot .faint { opacity: 0.45; }
.plot .mark { fill: none; stroke: var(--text); stroke-width: 1.5; }
"""


@dataclass(frozen=True)
class Series:
    """Values that belong together.

    Attributes:
        name: In the legend; empty without one.
        points: In the order they are drawn; nothing that is not finite.
        kind: How they are drawn; a line has a dot at each of its points when they have `labels`.
        labels: Beside each point; empty without any.
    """

    name: str
    points: Sequence[Point]
    kind: Kind = "line"
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Plot:
    """What is drawn.

    Attributes:
        id: Unique on the page.
        title: For the eye, and for those who hear the page.
        text: What it shows, in a sentence with the main numbers.
        x, y: The axes.
        series: At most three.
        marked: A point that is circled.
    """

    id: str
    title: str
    text: str
    x: Axis
    y: Axis
    series: Sequence[Series]
    marked: Point | None = None

    def svg(self) -> Markup:
        """The element."""
        title, text = f"{self.id}-title", f"{self.id}-text"
        marked = [] if self.marked is None else [_circle(*self._place(self.marked), 9, "mark")]
        return element(
            "svg",
            element("title", self.title, id=title),
            element("desc", self.text, id=text),
            *self._axes(),
            *(piece for number, series in enumerate(self.series) for piece in self._drawn(number, series)),
            *marked,
            *self._legend(),
            class_="plot",
            role="img",
            viewBox=f"0 0 {WIDTH} {HEIGHT}",
            aria_labelledby=f"{title} {text}",
        )

    def _place(self, point: Point) -> Point:
        x = _LEFT + self.x.share(point[0]) * (WIDTH - _LEFT - _RIGHT)
        y = HEIGHT - _BOTTOM - self.y.share(point[1]) * (HEIGHT - _TOP - _BOTTOM)
        return round(x, 1), round(y, 1)

    def _axes(self) -> list[Markup]:
        pieces = []
        floor, ceiling, wall = HEIGHT - _BOTTOM, _TOP, WIDTH - _RIGHT
        for tick in self.x.ticks:
            x, _ = self._place((tick, self.y.low))
            pieces += [_line(x, ceiling, x, floor, "grid"), _text(x, floor + 17, tick_text(tick), "middle")]
        for tick in self.y.ticks:
            _, y = self._place((self.x.low, tick))
            pieces += [_line(_LEFT, y, wall, y, "grid"), _text(_LEFT - 8, y + 4, tick_text(tick), "end")]
        pieces += [_line(_LEFT, floor, wall, floor, "axis"), _line(_LEFT, ceiling, _LEFT, floor, "axis")]
        middle = (floor + ceiling) / 2
        pieces.append(_text((_LEFT + wall) / 2, HEIGHT - 8, self.x.label, "middle"))
        turned = f"rotate(-90 14 {middle:g})"
        return [*pieces, element("text", self.y.label, x="14", y=f"{middle:g}", text_anchor="middle", transform=turned)]

    def _drawn(self, number: int, series: Series) -> list[Markup]:
        places = [self._place(point) for point in series.points]
        if not places:
            return []
        if series.kind == "points":
            dots = (_circle(x, y, 2.2, f"dot s{number}") for x, y in places)
            return [element("g", *dots, class_="faint")]
        path = _steps(places) if series.kind == "steps" else "L".join(f"{x:g} {y:g}" for x, y in places)
        pieces = [element("path", d=f"M{path}", class_=f"series s{number}")]
        if len(places) == 1 or series.labels:
            pieces += [_circle(x, y, 3.2, f"dot s{number}") for x, y in places]
        pieces += [_beside(x, y, label) for (x, y), label in zip(places, series.labels, strict=False)]
        return pieces

    def _legend(self) -> list[Markup]:
        pieces = []
        named = [(number, series) for number, series in enumerate(self.series) if series.name]
        for place, (number, series) in enumerate(named):
            x = _LEFT + place * _LEGEND_STEP
            swatch = (
                _circle(x + 10, 14, 3.2, f"dot s{number}")
                if series.kind == "points"
                else element("path", d=f"M{x} 14L{x + 22} 14", class_=f"series s{number}")
            )
            pieces += [swatch, _text(x + 29, 18, series.name, "start")]
        return pieces


def _steps(places: Sequence[Point]) -> str:
    """Goes sideways first, then up: the share below a value does not change until the next value."""
    (x, y), *rest = places
    return f"{x:g} {y:g}" + "".join(f"H{x:g}V{y:g}" for x, y in rest)


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    return element("line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", class_=style)


def _circle(x: float, y: float, radius: float, style: str) -> Markup:
    return element("circle", cx=f"{x:g}", cy=f"{y:g}", r=f"{radius:g}", class_=style)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=f"{x:g}", y=f"{y:g}", text_anchor=anchor)


def _beside(x: float, y: float, label: str) -> Markup:
    """A point's label, on the side where there is room."""
    return _text(x - 7, y - 7, label, "end") if x > _LABEL_EDGE else _text(x + 7, y - 7, label, "start")


def side_by_side(plots: Sequence[Plot]) -> Markup:
    """Plots with their titles, as many in a row as there is room for."""
    figures = (element("figure", element("figcaption", plot.title), plot.svg()) for plot in plots)
    return element("div", joined(figures), class_="plots")
