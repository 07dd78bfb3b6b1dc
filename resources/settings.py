"""Every setting has one home: here. TOML file < `.env` < environment < command line; unknown keys are errors.

What lives here: addresses, paths, sizes of the run. What does not: thresholds of a stage (those are the
frozen dataclasses in that stage's `rules.py`). Paths are resolved against the project, never against the
folder a command happens to be called from. See `sluice config show` and `.env.example`.
"""

import json
import os
import re
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from resources.addresses import running_addresses
from resources.exchange_config import ExchangeConfig, rate_of_world
from resources.risk_config import RiskConfig
from trading.market.errors import BadInput, InTheWay
from trading.market.timeframes import timeframe as known_timeframe
from trading.trade_pool.exploration import ExplorationRules

if TYPE_CHECKING:
    from trading.exchange.pool import ExchangeSettings

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DEFAULT_WORLD = "default"
POINTER = "current"
RECORD = "world.json"
_PREFIX = "SLUICE_"
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
# A world's name becomes a folder and part of run tags: no separators, no leading dot.
_WORLD_NAME = re.compile(r"(?!current$)[a-z0-9][a-z0-9._-]{0,63}")
# Variables with the prefix that are no settings: dbt's, this file's, the exchange's, accounts.py's.
_NOT_SETTINGS = frozenset(
    {
        "SLUICE_DBT_DATABASE",
        "SLUICE_CONFIG",
        "SLUICE_ADMIN_TOKEN",
        "SLUICE_MASTER_KEY",
        "SLUICE_MASTER_KEY_OLD",
        "SLUICE_MASTER_KEY_FILE",
    }
)


class Settings(BaseSettings):
    """The project's settings, resolved. Build it with `load_settings`, which words errors for people.

    Parameters
    ----------
    home : Path
        Folder that holds all worlds.
    world : str
        Name of the world in use; empty = what the pointer file ``<home>/current`` says, else "default".
    database_url : str
        SQLAlchemy URL of the order log; empty = SQLite in the world's folder.
    redis_url : str or None
        Redis or Valkey to use; None = an embedded Valkey starts by itself.
    exchange : ExchangeConfig
        The venue.
    risk : RiskConfig
        Bounds of the fleet.
    timeframe : str
        Bar length that signals are made on; unless set, the one that the world's record names, else 15m.
    strategy : str
        What `signals` runs where its launchpad names none: a shipped name or the path of a file.
    history_bars : int
        Bars of history per surviving symbol; the longest warm-up (EMA 200) must fit well inside.
    feeds : tuple of str
        RSS or Atom addresses; empty = the embedded exchange's own news desk.
    preset : str
        Named set of screening thresholds: "default" or "owner".
    exploration : ExplorationRules
        Which rejected entries paper users trade all the same, so that models see what they refuse.
    telegram_token : SecretStr
        Of the bot, from Telegram's BotFather; empty = no bot.
    telegram_url : str
        Address of a Bot API server; `sluice bot fake` prints one.
    dashboard_url : str
        Where `sluice ui` is reached: pages of the Dagster UI link there.
    public_origin : str
        Where a proxy serves users' own pages (`sluice pages`), as `https://name`; empty = this machine only.
    alert_urls : tuple of SecretStr
        Where operators' alerts go besides Telegram, as Apprise writes them (mail, Slack, Discord, webhook).
    log_level : str
        debug shows each filter decision with value and bound.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    home: Path = Path("data")
    world: str = ""
    database_url: str = Field(default="", repr=False)
    redis_url: str | None = Field(default=None, repr=False)
    exchange: ExchangeConfig = ExchangeConfig()
    risk: RiskConfig = RiskConfig()
    timeframe: str = "15m"
    strategy: str = "rsi_regime"
    history_bars: int = Field(default=1000, ge=250, le=20_000)
    feeds: tuple[str, ...] = ()
    preset: Literal["default", "owner"] = "default"
    exploration: ExplorationRules = ExplorationRules()
    telegram_token: SecretStr = SecretStr("")
    telegram_url: str = "https://api.telegram.org"
    dashboard_url: str = Field(default="http://127.0.0.1:8050", pattern=r"https?://[^\s?#]+")
    public_origin: str = ""
    alert_urls: tuple[SecretStr, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("home")
    @classmethod
    def _from_the_project(cls, value: Path) -> Path:
        return value if value.is_absolute() else PROJECT_ROOT / value

    @field_validator("public_origin")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        parts = urlsplit(value)
        is_bare = value == f"{parts.scheme}://{parts.netloc}" and parts.hostname and "@" not in parts.netloc
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
        if value and not (is_bare and is_safe):
            raise ValueError("must be https://name without a path; http only on this machine")
        return value

    @field_validator("timeframe")
    @classmethod
    def _exists_on_mexc(cls, value: str) -> str:
        try:
            return known_timeframe(value).name
        except BadInput as error:
            raise ValueError(str(error)) from error

    @model_validator(mode="after")
    def _resolve_world(self) -> Self:
        name = self.world or current_world(self.home)
        if not _WORLD_NAME.fullmatch(name):
            raise ValueError(f"world must match {_WORLD_NAME.pattern}, was {name!r}")
        # The model is frozen for everybody else; the validator completes it once.
        object.__setattr__(self, "world", name)
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.world_dir / 'orders.db'}")
        if self.exchange.kind == "embedded" and "rate_per_s" not in self.exchange.model_fields_set:
            rate = rate_of_world(self.record_path)
            if rate is not None:
                object.__setattr__(self, "exchange", self.exchange.model_copy(update={"rate_per_s": rate}))
        if "timeframe" not in self.model_fields_set:
            object.__setattr__(self, "timeframe", _timeframe_of_world(self.record_path) or self.timeframe)
        running = running_addresses(self.world_dir)
        if self.exchange.kind == "embedded" and self.exchange.base_url is None and "exchange" in running:
            served = self.exchange.model_copy(update={"base_url": running["exchange"]})
            object.__setattr__(self, "exchange", served)
        if self.redis_url is None and "redis" in running:
            object.__setattr__(self, "redis_url", running["redis"])
        return self

    @property
    def world_dir(self) -> Path:
        """Folder of this world; everything below belongs to one market."""
        return self.home / self.world

    @property
    def lake_dir(self) -> Path:
        """Parquet tables and candles."""
        return self.world_dir / "lake"

    @property
    def warehouse_path(self) -> Path:
        """DuckDB file for people, dbt's marts included; replaced as a whole, never written in place."""
        return self.world_dir / "warehouse.duckdb"

    @property
    def limiter_dir(self) -> Path:
        """Request budgets of this machine's address; of all worlds, since they all leave by one address."""
        named = self.exchange.limiter_path
        return self.home / "limiter" if named is None else PROJECT_ROOT / named

    @property
    def exchange_state_dir(self) -> Path:
        """Accounts, orders and clock of this world's embedded exchange."""
        return self.world_dir / "exchange"

    @property
    def valkey_dir(self) -> Path:
        """Append-only file of the embedded Valkey."""
        return self.world_dir / "valkey"

    @property
    def record_path(self) -> Path:
        """What this world is: seed, symbols, edge, candles, start, users."""
        return self.world_dir / RECORD

    @property
    def exchange_settings(self) -> "ExchangeSettings":
        """What the gateway needs to know; `base_url` None means MEXC itself."""
        from trading.exchange.pool import ExchangeSettings

        if self.exchange.kind == "mexc":
            base_url = None
        elif self.exchange.base_url is None:
            raise InTheWay(
                "no exchange address: start one with `sluice exchange serve` and set "
                "SLUICE_EXCHANGE__BASE_URL, or use `make run`, which starts its own"
            )
        else:
            base_url = self.exchange.base_url
        return ExchangeSettings(
            base_url=base_url,
            rate_per_s=self.exchange.rate_per_s,
            timeout_s=self.exchange.timeout_s,
            burst=self.exchange.burst,
            limiter_path=self.limiter_dir,
            # The embedded exchange counts signed requests on their key alone.
            signed_on_address=self.exchange.kind == "mexc",
            max_drift_s=self.exchange.max_drift_s if self.exchange.kind == "mexc" else None,
            source_address=self.exchange.source_address,
            standby_address=self.exchange.standby_address,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # replaced: its file is known only at call time
        file_secret_settings: PydanticBaseSettingsSource,  # not used
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of sources, strongest first."""
        del dotenv_settings, file_secret_settings
        dotenv = DotEnvSettingsSource(settings_cls, env_file=PROJECT_ROOT / ".env")
        toml = TomlConfigSettingsSource(settings_cls, toml_file=config_file())
        return init_settings, env_settings, dotenv, toml


def config_file() -> Path:
    """Return the TOML file that is read: ``$SLUICE_CONFIG`` or ``sluice.toml`` in the project."""
    named = os.environ.get("SLUICE_CONFIG")
    return Path(named) if named else PROJECT_ROOT / "sluice.toml"


def load_settings(world: str = "", **overrides: object) -> Settings:
    """Return the settings; `world` and `overrides` (the command line) win over everything.

    Raises
    ------
    BadInput
        If a value is out of bounds or a key is unknown; the message names key, bound and value.
    """
    _refuse_unknown_environment()
    given = {name: value for name, value in overrides.items() if value is not None}
    if world:
        given["world"] = world
    try:
        return Settings(**given)  # type: ignore[arg-type]  # checked by pydantic at run time
    except ValidationError as error:
        raise BadInput(_in_words(error)) from None


def _timeframe_of_world(record: Path) -> str | None:
    """Return the bar length that this world's candles have, where a record names one that exists."""
    try:
        return known_timeframe(json.loads(record.read_text())["timeframe"]).name
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        return None


def current_world(home: Path) -> str:
    """Return the world that ``<home>/current`` points to, else "default"."""
    pointer = home / POINTER
    return pointer.read_text().strip() if pointer.is_file() else DEFAULT_WORLD


def select_world(home: Path, name: str) -> None:
    """Make `name` the current world: commands and the Dagster UI look there from now on."""
    if not _WORLD_NAME.fullmatch(name):
        raise BadInput(f"world must match {_WORLD_NAME.pattern}, was {name!r}")
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".{POINTER}.{os.getpid()}"
    temporary.write_text(name + "\n")
    temporary.replace(home / POINTER)


def _refuse_unknown_environment() -> None:
    known = {_PREFIX + name.upper() for name in Settings.model_fields}
    for key in sorted(os.environ):
        head = key.split("__")[0]
        if key.startswith(_PREFIX) and head not in known and key not in _NOT_SETTINGS:
            raise BadInput(f"unknown setting {key}; settings are {', '.join(sorted(known))}")


def _in_words(error: ValidationError) -> str:
    sentences = []
    for problem in error.errors(include_url=False):
        key = _PREFIX + "__".join(str(part) for part in problem["loc"]).upper()
        # Values of settings that may hold a password are never repeated.
        is_secret = any(word in key for word in ("URL", "TOKEN", "SECRET", "KEY"))
        was = "" if is_secret or problem["type"] == "missing" else f", was {problem['input']!r}"
        name = "settings" if key == _PREFIX else key
        sentences.append(f"{name}: {problem['msg'].removeprefix('Value error, ')}{was}")
    return "; ".join(sentences)


def masked(settings: Settings) -> dict[str, object]:
    """Return every setting by its dotted name, fit to be shown: secrets and passwords in URLs are masked."""
    flat: dict[str, object] = {}
    for name, value in settings:
        if isinstance(value, BaseModel):
            flat |= {f"{name}.{inner}": _shown(content) for inner, content in value}
        else:
            flat[name] = _shown(value)
    return flat


def _shown(value: object) -> object:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple) and any(isinstance(each, SecretStr) for each in value):
        return "********"
    if isinstance(value, str):
        return re.sub(r"(://[^:/@]*:)[^@]*@", r"\1********@", value)
    if is_dataclass(value) and not isinstance(value, type):
        return {name: str(content) for name, content in asdict(value).items()}
    return str(value) if isinstance(value, Path) else value
