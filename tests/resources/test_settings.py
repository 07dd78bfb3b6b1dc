"""Settings: order of sources, unknown keys, worlds, paths of the project, masks."""

import pytest

from resources import settings as module
from resources.settings import PROJECT_ROOT, load_settings, masked, select_world
from trading.market.errors import BadInput


@pytest.fixture(autouse=True)
def _clean(monkeypatch, tmp_path):
    """No setting of the machine reaches a test; files are read from an empty project folder."""
    import os

    for name in list(os.environ):
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(module, "PROJECT_ROOT", tmp_path)


def test_command_line_beats_environment_beats_dotenv_beats_file(monkeypatch, tmp_path):
    """Nearer to the person wins."""
    (tmp_path / "sluice.toml").write_text('timeframe = "1h"\n')
    assert load_settings().timeframe == "1h"
    (tmp_path / ".env").write_text("SLUICE_TIMEFRAME=4h\n")
    assert load_settings().timeframe == "4h"
    monkeypatch.setenv("SLUICE_TIMEFRAME", "5m")
    assert load_settings().timeframe == "5m"
    assert load_settings(timeframe="1d").timeframe == "1d"


def test_nested_settings_come_by_double_underscore(monkeypatch):
    """SLUICE_EXCHANGE__RATE_PER_S sets exchange.rate_per_s."""
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "12.5")
    assert load_settings().exchange.rate_per_s == 12.5


def test_rate_is_the_careful_one_unless_the_world_or_a_person_says_more(monkeypatch, tmp_path):
    """20 a second by default; a world with an embedded exchange brings its own; an explicit one wins."""
    assert load_settings().exchange.rate_per_s == 20
    record = tmp_path / "data" / "demo" / "world.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"rate": 50.0}')
    assert load_settings("demo").exchange.rate_per_s == 50
    monkeypatch.setenv("SLUICE_EXCHANGE__KIND", "mexc")
    assert load_settings("demo").exchange.rate_per_s == 20
    monkeypatch.setenv("SLUICE_EXCHANGE__KIND", "embedded")
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "20")
    assert load_settings("demo").exchange.rate_per_s == 20
    record.write_text("{broken")
    monkeypatch.delenv("SLUICE_EXCHANGE__RATE_PER_S")
    assert load_settings("demo").exchange.rate_per_s == 20


def test_bars_are_as_long_as_the_world_s_own_unless_a_person_says_otherwise(monkeypatch, tmp_path):
    """A world of hourly candles has no quarters of an hour: commands must not look for them by default."""
    record = tmp_path / "data" / "hourly" / "world.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"timeframe": "1h"}')
    assert (load_settings("hourly").timeframe, load_settings("other").timeframe) == ("1h", "15m")
    assert load_settings("hourly", timeframe="4h").timeframe == "4h"
    monkeypatch.setenv("SLUICE_TIMEFRAME", "15m")
    assert load_settings("hourly").timeframe == "15m"
    monkeypatch.delenv("SLUICE_TIMEFRAME")
    for broken in ('{"timeframe": "1 hour"}', '{"timeframe": 60}', "{}", "[]", "{broken"):
        record.write_text(broken)
        assert load_settings("hourly").timeframe == "15m", broken


def test_burst_and_folder_of_the_shared_budget_reach_the_gateway(monkeypatch, tmp_path):
    """All worlds share one folder, since they leave by one address."""
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    found = load_settings().exchange_settings
    assert (found.burst, found.limiter_path) == (None, tmp_path / "data" / "limiter")
    monkeypatch.setenv("SLUICE_EXCHANGE__BURST", "7.5")
    monkeypatch.setenv("SLUICE_EXCHANGE__LIMITER_PATH", "elsewhere")
    found = load_settings().exchange_settings
    assert (found.burst, found.limiter_path) == (7.5, tmp_path / "elsewhere")


def test_clock_drift_is_held_against_real_time_only(monkeypatch):
    """The embedded exchange keeps a time of its own; MEXC's is everybody's."""
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    assert load_settings().exchange_settings.max_drift_s is None
    monkeypatch.setenv("SLUICE_EXCHANGE__KIND", "mexc")
    assert load_settings().exchange_settings.max_drift_s == 2.0
    monkeypatch.setenv("SLUICE_EXCHANGE__MAX_DRIFT_S", "0")
    with pytest.raises(BadInput, match="greater than 0"):
        load_settings()


@pytest.mark.parametrize("source", ["environment", "nested", "dotenv", "file"])
def test_an_unknown_key_is_an_error_wherever_it_stands(monkeypatch, tmp_path, source):
    """A typing error must not be silently the default."""
    if source == "environment":
        monkeypatch.setenv("SLUICE_TIMEFRAM", "1h")
    elif source == "nested":
        monkeypatch.setenv("SLUICE_EXCHANGE__RATES", "1")
    elif source == "dotenv":
        (tmp_path / ".env").write_text("SLUICE_TIMEFRAM=1h\n")
    else:
        (tmp_path / "sluice.toml").write_text('timefram = "1h"\n')
    with pytest.raises(BadInput, match=r"(?i)timefram|rates"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLUICE_HISTORY_BARS", "3", "250"),
        ("SLUICE_TIMEFRAME", "7m", "15m"),
        ("SLUICE_EXCHANGE__RATE_PER_S", "0", "greater than 0"),
        ("SLUICE_WORLD", "../elsewhere", "world must match"),
        ("SLUICE_WORLD", "current", "world must match"),
        ("SLUICE_PRESET", "bold", "owner"),
    ],
)
def test_a_bad_value_is_refused_with_key_and_bound(monkeypatch, name, value, said):
    """The message names what is wrong and what would be right."""
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as error:
        load_settings()
    assert said in str(error.value)


def test_a_bad_secret_is_not_repeated(monkeypatch, tmp_path):
    """Messages about secrets name the key only."""
    (tmp_path / "sluice.toml").write_text('redis_url = ["redis://u:hunter2@h"]\n')
    with pytest.raises(BadInput) as error:
        load_settings()
    assert "REDIS_URL" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_empty_means_not_given(monkeypatch):
    """SLUICE_REDIS_URL= in a file is no address."""
    monkeypatch.setenv("SLUICE_REDIS_URL", "")
    assert load_settings().redis_url is None


def test_everything_of_a_world_lies_in_its_folder(tmp_path):
    """Synthetic, real and no-edge data never mix."""
    settings = load_settings("noedge")
    folder = tmp_path / "data" / "noedge"
    paths = (settings.lake_dir, settings.warehouse_path, settings.exchange_state_dir, settings.valkey_dir)
    assert all(path.is_relative_to(folder) for path in paths)
    assert settings.database_url == f"sqlite:///{folder}/orders.db"


def test_pointer_chooses_the_world_and_the_environment_overrules_it(monkeypatch, tmp_path):
    """`sluice run` points to its world, `make dev` then shows that very run."""
    assert load_settings().world == "default"
    select_world(tmp_path / "data", "edge-2026")
    assert load_settings().world == "edge-2026"
    monkeypatch.setenv("SLUICE_WORLD", "other")
    assert load_settings().world == "other"


def test_home_is_the_project_s_wherever_the_command_is_called(monkeypatch, tmp_path):
    """Called from another folder, the same data is meant."""
    monkeypatch.delenv("SLUICE_HOME")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "PROJECT_ROOT", PROJECT_ROOT)
    assert load_settings().home == PROJECT_ROOT / "data"


def test_secrets_show_neither_in_repr_nor_in_the_mask(monkeypatch):
    """Whatever prints settings prints no secret."""
    monkeypatch.setenv("SLUICE_DATABASE_URL", "postgresql://bot:hunter2@127.0.0.1/sluice")
    monkeypatch.setenv("SLUICE_EXCHANGE__ADMIN_TOKEN", "hunter3")
    settings = load_settings()
    assert "hunter" not in repr(settings)
    assert "hunter" not in str(masked(settings))
    assert masked(settings)["database_url"] == "postgresql://bot:********@127.0.0.1/sluice"


def test_no_exchange_address_is_said_with_what_to_do():
    """The gateway is never pointed at the real venue by accident: None means MEXC only when asked for."""
    with pytest.raises(BadInput, match="sluice exchange serve"):
        _ = load_settings().exchange_settings
