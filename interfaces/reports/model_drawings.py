"""SVG for model evaluations: several lines over time with fold edges, a reliability diagram, paired bars."""

from collections.abc import Sequence

from interfaces.run.charts import UNITS, Scale, figure
from interfaces.run.report_sections import text

type Line = tuple[str, Sequence[tuple[float, float]]]


def lines(
    name: str, title: str, description: str, drawn: Sequence[Line], edges: Sequence[float], vertical: Scale
) -> str:
    """Return lines over a common axis, the first one thick and on top, with a mark at each edge."""
    at = [x for _, points in drawn for x, _ in points]
    first, width = min(at), (max(at) - min(at)) or 1.0

    def across(x: float) -> float:
        return UNITS * (x - first) / width

    marks = "".join(
        f'<line class="mark" x1="0" x2="100" y1="{vertical.up(m):.2f}" y2="{vertical.up(m):.2f}"/>'
        for m in vertical.marks
    )
    folds = "".join(
        f'<line class="edge" x1="{across(x):.2f}" x2="{across(x):.2f}" y1="0" y2="100"/>' for x in edges
    )
    paths = [
        f'<path class="l{place}" d="M'
        + "L".join(f"{across(x):.2f} {vertical.up(y):.2f}" for x, y in points)
        + f'"><title>{text(label)}</title></path>'
        for place, (label, points) in enumerate(drawn)
    ]
    return figure(name, title, description, marks + folds + "".join(reversed(paths)), "steps many")


def legend(labels: Sequence[str]) -> str:
    """Return the names of lines with their colours."""
    shown = "".join(f'<li><i class="k{place}"></i>{text(label)}</li>' for place, label in enumerate(labels))
    return f'<ul class="legend">{shown}</ul>'


def reliability(name: str, rows: Sequence[dict[str, float]], low: float, high: float) -> str:
    """Return said against seen: a point per bin with its error, over the diagonal of perfect calibration."""
    width = (high - low) or 1.0

    def place(value: float) -> float:
        return UNITS * min(max((value - low) / width, 0.0), 1.0)

    shapes = ['<path class="diagonal" d="M0 100L100 0"/>']
    for row in rows:
        x, y = place(row["said"]), UNITS - place(row["seen"])
        top, bottom = UNITS - place(row["seen"] + row["error"]), UNITS - place(row["seen"] - row["error"])
        words = f"said {row['said']:.3f}, seen {row['seen']:.3f}, {row['decisions']:.0f} decisions"
        shapes.append(
            f'<g class="dot"><title>{words}</title>'
            f'<path class="whisker" d="M{x:.2f} {top:.2f}V{bottom:.2f}"/>'
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r="1.6"/></g>'
        )
    return (
        f'<svg class="square" viewBox="-3 -3 106 106" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">Reliability diagram</title><desc id="{name}-d">Mean probability said against '
        f"share of gains seen, {len(rows)} bins of equal numbers.</desc>"
        f'<rect class="frame" x="0" y="0" width="100" height="100"/>{"".join(shapes)}</svg>'
    )


def bars(rows: Sequence[tuple[str, float, str]], least: float, most: float) -> str:
    """Return one horizontal bar per (label, value, words), from `least` to `most`."""
    width = (most - least) or 1.0
    cells = []
    for place, (label, value, words) in enumerate(rows):
        share = min(max((value - least) / width, 0.0), 1.0) * UNITS
        cells.append(
            f'<div class="hbar"><span>{text(label)}</span>'
            f'<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="track" width="100" height="10"/>'
            f'<rect class="b{place}" width="{share:.2f}" height="10"/></svg><b>{text(words)}</b></div>'
        )
    return f'<div class="hbars">{"".join(cells)}</div>'
