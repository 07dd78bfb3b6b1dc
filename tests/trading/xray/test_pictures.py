import base64
import io

import numpy as np
import polars as pl
import pytest
from PIL import Image

from trading.market.errors import BadInput
from trading.xray.clusters import CLUSTERS, cluster_symbols
from trading.xray.correlation import correlation
from trading.xray.pictures import MAX_BYTES, correlation_map, funnel_chart, group_map, residual_map
from trading.xray.places import PLACES

PREFIX = "(data:image/png;base64,"


def _image(markdown: str) -> Image.Image:
    start = markdown.index(PREFIX) + len(PREFIX)
    return Image.open(io.BytesIO(base64.b64decode(markdown[start:-1]))).convert("RGB")


@pytest.mark.parametrize("symbols", [1, 40, 700])
def test_a_map_of_any_size_fits_its_page(planted, symbols):
    """Markdown with a PNG of at most 50 kB, noise included."""
    market = planted(symbols, 120)
    found = correlation(market.symbols, market.returns)
    for markdown in (
        correlation_map(found),
        correlation_map(found, cluster_symbols(market.symbols, market.returns)),
    ):
        assert markdown.startswith(f"![Correlation]{PREFIX}")
        assert len(markdown) <= MAX_BYTES + 100
        assert min(_image(markdown).size) > 100


def test_the_map_shows_what_moves_together(planted):
    """Red where rho is 1, blue where it is -1: four symbols, two of them mirror images."""
    base = np.random.default_rng(0).normal(0, 1, 100)
    found = correlation(list("abcd"), np.stack([base, base, -base, -base]))
    order = pl.DataFrame({"symbol": list("abcd"), "cluster": [0, 0, 1, 1], "cluster_name": list("aacc")})
    image = np.asarray(_image(correlation_map(found, order)), dtype=int)
    height, width = image.shape[:2]
    together = image[int(0.35 * height), int(0.15 * width)]
    against = image[int(0.35 * height), int(0.6 * width)]
    assert together[0] > together[2] + 50
    assert against[2] > against[0] + 50


@pytest.mark.parametrize("symbols", [1, 40, 700])
def test_a_map_of_groups_fits_its_page_and_shows_their_colours(planted, symbols):
    """At most 50 kB; colour where there are groups, grey alone where there are none."""
    market = planted(symbols, 300)
    clusters = cluster_symbols(market.symbols, market.returns)
    generator = np.random.default_rng(0)
    places = pl.DataFrame(
        {"symbol": market.symbols, "x": generator.normal(size=symbols), "y": generator.normal(size=symbols)}
    )
    markdown = group_map(places, clusters)
    assert len(markdown) <= MAX_BYTES + 100
    pixels = np.asarray(_image(markdown), dtype=int)
    has_colour = (pixels.max(axis=2) - pixels.min(axis=2)).max() > 60
    assert has_colour == (clusters["cluster"].max() >= 0)
    # Who is on the map but not among the groups (listed since) is noise, and drawn.
    assert group_map(places, clusters.head(1)).startswith("![Groups]")


def test_the_map_without_the_market_is_framed_by_group(planted):
    """Names and frames of groups stand on it; it fits its page."""
    market = planted(300, 300)
    clusters = cluster_symbols(market.symbols, market.returns)
    markdown = residual_map(market.symbols, market.returns, clusters)
    assert markdown.startswith(f"![Without the market]{PREFIX}")
    assert len(markdown) <= MAX_BYTES + 100


def test_a_funnel_chart_is_small():
    """Stages, counts and reasons; a stage that lets nothing through is drawn too."""
    summary = pl.DataFrame(
        {
            "stage": ["markets", "screening"],
            "in": [2610, 300],
            "out": [300, 0],
            "main_reason": ["volume: 2,000", None],
        }
    )
    markdown = funnel_chart(summary, title="Funnel [x]")
    assert markdown.startswith(f"![Funnel (x)]{PREFIX}")
    assert len(markdown) < 20_000
    assert _image(markdown).size[0] > 300


def test_nothing_to_draw_is_an_error_that_says_so():
    """An empty picture would look like a finding."""
    with pytest.raises(BadInput, match="at least 1 stage, had 0"):
        funnel_chart(pl.DataFrame({"stage": [], "in": [], "out": [], "main_reason": []}))
    with pytest.raises(BadInput, match="at least 1 symbol, had 0"):
        correlation_map(correlation([], np.zeros((0, 0))))
    told = group_map(pl.DataFrame(schema=PLACES), pl.DataFrame(schema=CLUSTERS))
    assert told == "No symbol has enough history for a map."
