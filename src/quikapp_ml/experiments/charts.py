"""Plots of a report as SVG: the change over time within its interval, bars of intervals, shares of units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from math import floor, log10
from statistics import median

from quikapp_ml.experiments.results import Look

WIDTH = 720
MAX_NAME = 28
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scale:
    """From values to places on a line."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value; what lies beyond is put at the end."""
        inside = min(max(value, self.low), self.high)
        return round(self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self, n_about: int = 5) -> list[float]:
        """Round values along it."""
        rough = (self.high - self.low) / n_about
        step = next(s for m in (1, 2, 2.5, 5, 10) if (s := m * 10 ** floor(log10(rough))) >= rough * (1 - 1e-9))
        first = floor(self.low / step + 1 - 1e-9)
        return [place * step for place in range(first, floor(self.high / step + 1e-9) + 1)]


def percent(value: float) -> str:
    """A change, as people write it."""
    digits = 1 if abs(value) < 0.0995 else 0
    return f"{value:+.{digits}%}" if round(value, 3) else "0 %".replace(" ", "")


def date_of(day: int) -> str:
    """A day since 1970."""
    return f"{_EPOCH + timedelta(days=day):%d %b}".lstrip("0")


def change_over_time(looks: Sequence[Look], sought: float | None, label: str) -> str:
    """The change at the end of each day, its interval, and the smallest change that was sought."""
    sure = [look for look in looks if look.low is not None and look.high is not None]
    if not sure:
        return ""
    reach = _reach(sure, sought or 0.0)
    height = 250
    y = Scale(-reach, reach, height - _BOTTOM, _TOP)
    first, last = looks[0].day, looks[-1].day
    x = Scale(first - 0.5, last + 0.5, _LEFT, WIDTH - _RIGHT)
    parts = [_grid(y, percent), _dates(x, first, last, height)]
    if sought:
        parts += [_level(y.at(sign * sought), "sought") for sign in (1, -1)]
    parts.append(_level(y.at(0), "zero"))
    upper = [f"{x.at(look.day)},{y.at(look.high or 0)}" for look in sure]
    lower = [f"{x.at(look.day)},{y.at(look.low or 0)}" for look in reversed(sure)]
    parts.append(f'<polygon class="band" points="{" ".join(upper + lower)}"/>')
    parts += [
        f'<line class="reach" x1="{x.at(one.day)}" x2="{x.at(one.day)}" y1="{y.at(one.low or 0)}" '
        f'y2="{y.at(one.high or 0)}"/>'
        for one in sure
    ]
    line = " ".join(f"{x.at(look.day)},{y.at(look.change)}" for look in looks)
    parts.append(f'<polyline class="line" points="{line}"/>')
    parts += [f'<circle class="dot" cx="{x.at(one.day)}" cy="{y.at(one.change)}" r="3"/>' for one in looks]
    return _svg(height, parts, label)


def _reach(sure: Sequence[Look], sought: float) -> float:
    """Half the height: the later intervals and all changes; the widest first ones may be cut off."""
    later = sure[len(sure) // 4 :]
    ends = [abs(value) for look in later for value in (look.low or 0.0, look.high or 0.0)]
    return 1.1 * max(*ends, 1.5 * sought, *(abs(look.change) for look in sure))


@dataclass(frozen=True)
class Bar:
    """One line of a plot of intervals; `limit` is what it must not pass."""

    name: str
    change: float | None
    low: float | None
    high: float | None
    style: str
    note: str = ""
    limit: float | None = None


def intervals(bars: Sequence[Bar], label: str) -> str:
    """A line for each change, with its interval around it."""
    if not bars:
        return ""
    row, left, right = 30, 200, 110
    height = row * len(bars) + _BOTTOM + 4
    reach = _reach_of(bars)
    x = Scale(-reach, reach, left, WIDTH - right)
    parts = []
    for tick in x.ticks(6):
        parts.append(f'<line class="grid" x1="{x.at(tick)}" x2="{x.at(tick)}" y1="4" y2="{height - _BOTTOM}"/>')
        parts.append(_text(x.at(tick), height - 10, percent(tick), "tick middle"))
    parts.append(f'<line class="zero" x1="{x.at(0)}" x2="{x.at(0)}" y1="4" y2="{height - _BOTTOM}"/>')
    for number, bar in enumerate(bars):
        parts += _bar(bar, x, 4 + row * number + row / 2, left, WIDTH - right)
    return _svg(height, parts, label)


def _reach_of(bars: Sequence[Bar]) -> float:
    """Half the width: all changes and limits; of intervals much wider than the others, the ends are cut off."""
    ends = [max(abs(bar.low or 0), abs(bar.high or 0)) for bar in bars]
    points = [abs(value) for bar in bars for value in (bar.change, bar.limit) if value is not None]
    return 1.1 * max(0.01, min(max(ends), 2.5 * median(ends)), *points)


def _bar(bar: Bar, x: Scale, y: float, left: float, right: float) -> list[str]:
    parts = [_text(left - 12, y + 4, _short(bar.name), "name end"), _text(right + 10, y + 4, bar.note, "note")]
    if bar.limit is not None:
        at = x.at(bar.limit)
        parts.append(f'<line class="limit" x1="{at}" x2="{at}" y1="{y - 11}" y2="{y + 11}"/>')
    if bar.low is not None and bar.high is not None:
        low, high = x.at(bar.low), x.at(bar.high)
        width = max(high - low, 1.0)
        parts.append(f'<rect class="span {bar.style}" x="{low}" y="{y - 6}" width="{width:.1f}" height="12" rx="6"/>')
    if bar.change is not None:
        parts.append(f'<circle class="mark {bar.style}" cx="{x.at(bar.change)}" cy="{y}" r="5"/>')
    return parts


def _short(name: str) -> str:
    """What fits beside a bar."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def shares(days: Sequence[tuple[int, Sequence[float]]], promised: Sequence[float], label: str) -> str:
    """The share of all units that each variant has had, by day, over the share it was promised."""
    if not days:
        return ""
    height = 190
    values = [value for _, found in days for value in found] + list(promised)
    margin = max(0.02, 0.15 * (max(values) - min(values)))
    y = Scale(min(values) - margin, max(values) + margin, height - _BOTTOM, _TOP)
    first, last = days[0][0], days[-1][0]
    x = Scale(first - 0.5, last + 0.5, _LEFT, WIDTH - _RIGHT)
    parts = [_grid(y, lambda value: f"{value:.0%}", 4), _dates(x, first, last, height)]
    parts += [_level(y.at(share), "sought") for share in promised]
    for number in range(len(promised)):
        line = " ".join(f"{x.at(day)},{y.at(found[number])}" for day, found in days)
        parts.append(f'<polyline class="line v{number % 5}" points="{line}"/>')
        parts += [
            f'<circle class="dot v{number % 5}" cx="{x.at(day)}" cy="{y.at(found[number])}" r="3"/>'
            for day, found in days
        ]
    return _svg(height, parts, label)


def _grid(y: Scale, told: Callable[[float], str], n_about: int = 5) -> str:
    parts = []
    for tick in y.ticks(n_about):
        at = y.at(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{at}" y2="{at}"/>')
        parts.append(_text(_LEFT - 8, at + 4, told(tick), "tick end"))
    return "".join(parts)


def _dates(x: Scale, first: int, last: int, height: float) -> str:
    step = max(1, -(-(last - first) // 7))
    return "".join(_text(x.at(day), height - 8, date_of(day), "tick middle") for day in range(first, last + 1, step))


def _level(y: float, style: str) -> str:
    return f'<line class="{style}" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>'


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x}" y="{y}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
