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


def power_curve(rows: Sequence[dict[str, float]]) -> str:
    """Return a drawing of its own: share promoted by size of edge, with its interval; dark and light."""
    most = max(row["edge_bps"] for row in rows) or 1.0
    points = [(60 + 520 * row["edge_bps"] / most, 230 - 200 * row["share"], row) for row in rows]
    marks = "".join(
        f'<path class="m" d="M60 {230 - 200 * share:.0f}H580"/>'
        f'<text x="52" y="{234 - 200 * share:.0f}" text-anchor="end">{share:.0%}</text>'
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    whiskers = "".join(
        f'<path class="w" d="M{x:.1f} {230 - 200 * row["low"]:.1f}V{230 - 200 * row["high"]:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        f'<text x="{x:.1f}" y="252" text-anchor="middle">{row["edge_bps"]:.0f}</text>'
        for x, y, row in points
    )
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
    style = (
        "text{font:13px system-ui,sans-serif;fill:#56645f}.m{stroke:#dbe1dc}"
        ".w{stroke:#2f7f86;stroke-width:1.5}"
        "circle{fill:#2f7f86}.l{fill:none;stroke:#2f7f86;stroke-width:2}"
        "@media(prefers-color-scheme:dark){text{fill:#9aaaa4}.m{stroke:#2a3734}.w,.l{stroke:#57b0b2}"
        "circle{fill:#57b0b2}}"
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 285" role="img" '
        'aria-label="Share of made-up markets in which a model is promoted, by size of the edge">'
        f"<style>{style}</style>{marks}"
        f'<path class="l" d="M{line}"/>{whiskers}'
        '<text x="320" y="276" text-anchor="middle">'
        "edge: best tenth of decisions over the mean one, bps</text>"
        "</svg>\n"
    )
