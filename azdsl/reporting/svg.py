"""Charts as SVG: scales, axes and marks. Colours are classes of the page's style, which has a light and a dark scheme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 66.0, 14.0, 12.0, 40.0
"""The margins of the plot in pixels."""

_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """A map of the numbers from ``low`` to ``high`` to positions from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The position of a number, which is clipped to the range."""
        value = min(max(value, self.low), self.high)
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start + (self.end - self.start) * ((at - low) / (high - low) if high > low else 0.5)

    def ticks(self, most: int = 6) -> list[float]:
        """At most about ``most`` round numbers in the range."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            step = max(1, -(-len(powers) // most))
            found = [10.0**power for power in powers if power % step == 0]
            return found if len(found) > 1 else [self.low, self.high]
        rough = (self.high - self.low) / most or 1.0
        power = 10.0 ** math.floor(math.log10(rough))
        step_size = next(nice * power for nice in _NICE if nice * power >= rough * (1 - 1e-9))
        first = math.ceil(self.low / step_size - 1e-9)
        return [k * step_size for k in range(first, math.floor(self.high / step_size + 1e-9) + 1)]


def short(value: float) -> str:
    """A number as the label of an axis: 12k, 3M, 0.25, 1e-4."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.0e}".replace("e-0", "e-")


def labelled(values: Sequence[float]) -> list[tuple[float, str]]:
    """Numbers with their labels, which are distinct."""
    texts = [short(value) for value in values]
    digits = 3
    while len(set(texts)) < len(texts) and digits < 17:
        digits += 1
        texts = [f"{value:.{digits}g}" for value in values]
    return list(zip(values, texts, strict=True))


@dataclass
class Chart:
    """A chart under construction. ``label`` is its description for screen readers. One of ``fixed`` size is not stretched."""

    width: float
    height: float
    label: str
    left: float = LEFT
    fixed: bool = False
    parts: list[str] = field(default_factory=list)

    def x(self, low: float, high: float, log: bool = False) -> Scale:
        """A horizontal scale."""
        return Scale(low, high, self.left, self.width - RIGHT, log)

    def y(self, low: float, high: float, log: bool = False) -> Scale:
        """A vertical scale."""
        return Scale(low, high, self.height - BOTTOM, TOP, log)

    def axes(self, x: Scale, y: Scale, across: str, up: str) -> None:
        """Draw grid lines, numbers and the labels of the axes."""
        for value, words in labelled(y.ticks(5)):
            at = y(value)
            self.line([(x.start, at), (x.end, at)], "grid")
            self.text(x.start - 6, at + 4, words, "tick", anchor="end")
        room = max(2, int((x.end - x.start) / 60))
        for value, words in labelled(x.ticks(room)):
            at = x(value)
            self.line([(at, y.start), (at, y.start + 4)], "grid")
            self.text(at, y.start + 17, words, "tick", anchor="middle")
        self.text((x.start + x.end) / 2, self.height - 6, across, "axis", anchor="middle")
        turned = f'transform="translate(11 {(y.start + y.end) / 2:.1f}) rotate(-90)"'
        self.parts.append(f'<text class="axis" {turned} text-anchor="middle">{escape(up)}</text>')

    def line(self, points: Iterable[tuple[float, float]], style: str) -> None:
        """Draw a line through points."""
        path = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points))
        self.parts.append(f'<path class="{style}" d="{path}"/>')

    def steps(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw a line that is level until the next point."""
        corners: list[tuple[float, float]] = []
        for x, y in points:
            corners += [(x, corners[-1][1])] if corners else []
            corners.append((x, y))
        self.line(corners, style)

    def area(
        self, upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]], style: str, title: str
    ) -> None:
        """Draw the area between two lines."""
        path = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate([*upper, *reversed(lower)]))
        self.parts.append(f'<path class="{style}" d="{path}Z"><title>{escape(title)}</title></path>')

    def dot(self, x: float, y: float, radius: float, style: str, title: str, attributes: str = "") -> None:
        """Draw a point, with a tooltip if it has a title."""
        place = f'class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
        tip = f"><title>{escape(title)}</title></circle>" if title else "/>"
        self.parts.append(f"<circle {place} {attributes}{tip}")

    def bar(self, x: float, y: float, width: float, height: float, style: str, title: str) -> None:
        """Draw a rectangle with a tooltip."""
        box = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.0):.1f}" height="{max(height, 0.0):.1f}"'
        self.parts.append(f'<rect class="{style}" {box}><title>{escape(title)}</title></rect>')

    def text(self, x: float, y: float, words: str, style: str, anchor: str = "start") -> None:
        """Draw a text."""
        self.parts.append(
            f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def __str__(self) -> str:
        """The chart as an ``svg`` element."""
        about = (
            f'class="chart" viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.label)}"'
        )
        style = f' style="max-width: {self.width:g}px"' if self.fixed else ""
        return f'<svg xmlns="http://www.w3.org/2000/svg" {about}{style}>{"".join(self.parts)}</svg>'
