"""Logging for every process: structlog, JSON away from a terminal, secrets redacted, context bound.

What lives here: the processor chain and how the standard library's loggers join it. What does not: what is
worth saying; rooms of `trading` log through the standard library and need not know of structlog.

Run, symbol, user and order are bound once and then stand on every line::

    with bound(run="2f1c", symbol="BTC/USDT"):
        log.debug("dropped", rule="min_volatility", value=0.0004, bound=0.001)
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog

LEVELS = ("debug", "info", "warning", "error")
MASK = "[redacted]"
# Words that make a name a secret's name; `key` only as a whole word, so that `cache_key` ids still show.
_SECRET_NAME = re.compile(
    r"(secret|passw|token|signature|credential|authorization|cookie|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|apikey|mexc[_-]?key|^key$)",
    re.IGNORECASE,
)
_SECRET_VALUES = (
    # Parameters of signed URLs and of form bodies.
    re.compile(
        r"(?i)\b(signature|api[_-]?key|secret|token|password|passwd|listenKey|x-mexc-apikey)"
        r"(\"?'?\s*[=:]\s*\"?'?)([^\s&,;\"'}\])]+)"
    ),
    # Passwords inside URLs: redis://user:password@host.
    re.compile(r"(://[^:/@\s]*)(:)([^@/\s]+)(?=@)"),
    # Bearer and basic credentials.
    re.compile(r"(?i)\b(bearer|basic)(\s+)([A-Za-z0-9._~+/=-]{8,})"),
)
# MEXC's keys (mx0...), Telegram's bot tokens, and hex of an HMAC-SHA256, wherever they stand.
_SECRET_SHAPES = re.compile(r"\bmx0[A-Za-z0-9]{8,}\b|(?<!\d)\d{8,10}:[A-Za-z0-9_-]{30,}|\b[0-9a-fA-F]{64}\b")
_MAX_DEPTH = 6
# First part of our loggers' names: the layers, and two rooms that are named without their layer.
_OURS = {"interfaces", "pipelines", "assets", "resources", "trading", "bench", "execution", "notifications"}
_EventDict = MutableMapping[str, Any]


def setup_logging(level: str = "info", *, stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Send structlog and the standard library's loggers through one chain to `stream`.

    Parameters
    ----------
    level : str
        debug, info, warning or error. At debug the rooms say each filter decision with value and bound.
    stream : text stream, optional
        Default: stderr, so that stdout stays free for results.
    as_json : bool, optional
        Default: JSON exactly when `stream` is not a terminal.
    """
    target = stream if stream is not None else sys.stderr
    json_lines = not target.isatty() if as_json is None else as_json
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(_renderer(json_lines=json_lines)))
    handler.addFilter(_ours_or_serious)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def in_sentences() -> None:
    """Word log lines like the command's own sentences: for commands whose stderr people read.

    Event and fields stay, time and logger go; secrets are masked as before.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter):
            handler.setFormatter(_formatter(_sentence))


def bound(**context: object) -> Any:
    """Bind `context` (run, symbol, user, order ...) to every line inside the ``with`` block."""
    return structlog.contextvars.bound_contextvars(**context)


def redact(_logger: object, _method: str, event: _EventDict) -> _EventDict:
    """Mask secrets by the name of a field and by the look of a value, however deep."""
    for name, value in event.items():
        event[name] = MASK if _is_secret(name, value) else _clean(value, _MAX_DEPTH)
    return event


def redact_text(text: str) -> str:
    """Return `text` with everything that looks like a secret masked."""
    for pattern in _SECRET_VALUES:
        text = pattern.sub(rf"\g<1>\g<2>{MASK}", text)
    return _SECRET_SHAPES.sub(MASK, text)


def _ours_or_serious(record: logging.LogRecord) -> bool:
    """Libraries say at info what nobody asked for, and at debug whole payloads; only their warnings pass."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in _OURS


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _formatter(render: Any) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared_processors(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # After formatting of exceptions: their text is redacted too.
            redact,
            render,
        ],
    )


def _sentence(_logger: object, _method: str, event: _EventDict) -> str:
    left_out = ("event", "level", "logger", "timestamp", "exception")
    fields = "".join(f", {name}={value}" for name, value in event.items() if name not in left_out)
    trace = f"\n{event['exception']}" if "exception" in event else ""
    return f"sluice: {event['event']}{fields}{trace}"


def _renderer(*, json_lines: bool) -> Any:
    if json_lines:
        return structlog.processors.JSONRenderer(default=str)
    return structlog.dev.ConsoleRenderer(pad_event_to=0)


def _is_secret(name: object, value: object) -> bool:
    return isinstance(name, str) and value is not None and _SECRET_NAME.search(name) is not None


def _clean(value: object, depth: int) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > 0 and isinstance(value, Mapping):
        return {k: MASK if _is_secret(k, v) else _clean(v, depth - 1) for k, v in value.items()}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth - 1) for item in value]
    # An exception, bytes or any object: what it says of itself may hold a signed URL.
    return redact_text(str(value))
