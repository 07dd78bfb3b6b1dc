"""Work on many symbols a bounded number at a time, telling how far it has come."""

from collections.abc import Callable, Iterator, Sequence

from trading.market.errors import BadInput

Progress = Callable[[int, int], None]  # (symbols done, symbols in all)


def in_batches[T](items: Sequence[T], size: int, on_batch: Progress | None = None) -> Iterator[Sequence[T]]:
    """Yield `items` in order, `size` at a time; after each batch was worked on, call `on_batch`.

    Raises
    ------
    BadInput
        If `size` is below 1.
    """
    if size < 1:
        raise BadInput(f"batch size must be at least 1, was {size}")
    for start in range(0, len(items), size):
        yield items[start : start + size]
        if on_batch is not None:
            on_batch(min(start + size, len(items)), len(items))
