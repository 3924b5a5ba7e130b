from __future__ import annotations

from contextlib import nullcontext
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.config import (
    ConfigurationError,
    Raw,
    Secret,
    Settings,
    Sources,
    StoreUrl,
    is_loopback,
    load,
    load_settings,
    read,
    reload,
)
from actors.config.keys import BY_NAME, KEYS
from actors.config.kinds import DAY, Kind, boolean, duration, number, show_size, size, stores, whole

LAYERS = ("flags", "environment", "dotenv", "toml")
NAMES = {"flags": "flag", "environment": "environment", "dotenv": ".env", "toml": "forebay.toml"}

# contract.md, "Configuration": the variable, a value, and what must come of it
CONTRACT = [
    ("METRICS_PERSISTER_CIRCUIT_BREAKER_THRESHOLD", "7", 5, 7),
    ("METRICS_PERSISTER_CIRCUIT_BREAKER_TIMEOUT", "90", 60.0, 90.0),
    ("METRICS_PERSISTER_RETRY_MAX_ATTEMPTS", "9", 3, 9),
    ("METRICS_PERSISTER_RETRY_BACKOFF_FACTOR", "1.5", 2.0, 1.5),
    ("METRICS_PERSISTER_DLQ_ENABLED", "false", True, False),
    ("METRICS_PERSISTER_GRACEFUL_SHUTDOWN_TIMEOUT", "5", 30.0, 5.0),
    ("RESILIENCE_METRICS_PERSISTER_ENABLED", "false", True, False),
    ("RESILIENCE_CIRCUIT_BREAKER_ENABLED", "0", True, False),
    ("RESILIENCE_RETRY_ENABLED", "no", True, False),
    ("RESILIENCE_DLQ_ENABLED", "off", True, False),
    ("RESILIENCE_GRACEFUL_SHUTDOWN_ENABLED", "False", True, False),
    ("SUPABASE_URL", "https://p.supabase.co/", None, "https://p.supabase.co"),
    ("SUPABASE_SERVICE_ROLE_KEY", "k1", None, Secret("k1")),
    ("SUPABASE_ANON_KEY", "k2", None, Secret("k2")),
    ("SUPABASE_DB_URL", "postgresql://u:p@h/d", None, Secret("postgresql://u:p@h/d")),
]


def sources(**layers: dict[str, object]) -> Sources:
    """Sources with plain values; where each stands is the layer's name."""
    return Sources(**{layer: {n: Raw(v, layer) for n, v in found.items()} for layer, found in layers.items()})


def problems(**layers: dict[str, object]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(sources(**layers))
    return [str(problem) for problem in caught.value.problems]


def setting(settings: Settings, name: str) -> object:
    value: object = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def under(layer: str, name: str) -> str:
    """How the setting `name` is called in `layer`."""
    return name if layer in ("flags", "toml") else BY_NAME[name].variable


def test_defaults_need_no_source() -> None:
    """With nothing set, the embedded store of ./data is used, on loopback, with fsync."""
    loaded = load(Sources())
    assert loaded.settings == Settings(store=(StoreUrl("sqlite:///data/forebay.db"),))
    assert {origin.layer for origin in loaded.origins.values()} == {"default"}
    assert loaded.settings.durability == "fsync"


def test_every_field_has_a_key_and_every_key_a_field() -> None:
    """No setting can be declared without a way to set it, nor a way to set what is not there."""
    fields: set[str] = set()
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.default, msgspec.Struct):
            fields |= {f"{field.name}.{inner}" for inner in field.default.__struct_fields__}
        else:
            fields.add(field.name)
    assert fields == {key.name for key in KEYS}


@pytest.mark.parametrize(("better", "worse"), list(combinations(LAYERS, 2)))
@pytest.mark.parametrize("name", [key.name for key in KEYS if key.flag])
def test_precedence_between_every_two_sources(name: str, better: str, worse: str) -> None:
    """Flags > environment > .env > forebay.toml, for each setting that all four can set."""
    values = {
        "data": ("a", "b"),
        "host": ("127.0.0.2", "127.0.0.3"),
        "port": (1, 2),
        "store": ("sqlite:///a", "sqlite:///b"),
        "durability": ("os", "interval"),
        "log_level": ("debug", "error"),
        "log_format": ("json", "human"),
    }[name]
    won, lost = values
    loaded = load(
        sources(**{better: {under(better, name): str(won)}, worse: {under(worse, name): str(lost)}})
    )
    expected = (StoreUrl(str(won)),) if name == "store" else won
    assert setting(loaded.settings, name) == expected
    assert loaded.origins[name].layer == NAMES[better]


@given(st.dictionaries(st.sampled_from(LAYERS), st.integers(0, 65535)))
def test_the_best_source_that_says_anything_wins(ports: dict[str, int]) -> None:
    """Whichever sources set a port, it comes from the first of them; from the default only if none does."""
    layers = {layer: {under(layer, "port"): str(port)} for layer, port in ports.items()}
    loaded = load(sources(**layers))
    first = next((layer for layer in LAYERS if layer in ports), None)
    assert loaded.settings.port == (ports[first] if first else 8420)
    assert loaded.origins["port"].layer == (NAMES[first] if first else "default")


@pytest.mark.parametrize(("variable", "text", "default", "value"), CONTRACT)
def test_variables_of_the_contract_by_name(
    variable: str, text: str, default: object, value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variable of the replaced system has its default and works from the environment and .env."""
    monkeypatch.chdir(tmp_path)
    name = next(key.name for key in KEYS if key.variable == variable)
    assert setting(load(read({}, {})).settings, name) == default
    assert setting(load(read({}, {variable: text})).settings, name) == value
    (tmp_path / ".env").write_text(f"{variable}={text}\n")
    assert setting(load(read({}, {})).settings, name) == value


def test_own_variables_and_toml_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example file, with every line of it switched on, loads and is the default."""
    example = (Path(__file__).parents[2] / "forebay.example.toml").read_text()
    lines = [
        line[1:] if line.startswith("#") and not line.startswith("# ") else line
        for line in example.splitlines()
    ]
    secrets = ("token", "url", "service_role_key", "anon_key", "db_url", "jwt_secret")
    (tmp_path / "forebay.toml").write_text(
        "\n".join(line for line in lines if line.partition("=")[0].strip() not in secrets)
    )
    monkeypatch.chdir(tmp_path)
    loaded = load(read({}, {}))
    assert loaded.settings == load(Sources()).settings
    set_there = {name for name, origin in loaded.origins.items() if origin.layer == "forebay.toml"}
    assert set_there == {key.name for key in KEYS} - {"token", *(f"supabase.{name}" for name in secrets[1:])}


def test_every_problem_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown names, bad values and broken rules of all sources come together, each with its place."""
    (tmp_path / "forebay.toml").write_text(
        '# a comment\nprot = 1\nkeep_days = "soon"\n[resilience]\nretry_enabled = "maybe"\n'
    )
    (tmp_path / ".env").write_text("\nFOREBAY_MAX_BODDY=1MiB\nMETRICS_PERSISTER_RETRY_MAX_ATTEMPTS=0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        load(read({"port": "x"}, {"FOREBAY_DURABILITY": "maximum", "FOREBAY_HOST": "0.0.0.0"}))
    told = sorted(str(problem) for problem in caught.value.problems)
    assert told == sorted(
        [
            "forebay.toml line 2: prot: no such setting; did you mean port?",
            "forebay.toml line 3: keep_days = 'soon': "
            "must be a time from 0 s to 36500 d, as in 500ms, 30s or 7d",
            "forebay.toml line 5: resilience.retry_enabled = 'maybe': "
            "must be true or false (or 1, 0, yes, no, on, off)",
            ".env line 2: FOREBAY_MAX_BODDY: no such setting; did you mean FOREBAY_MAX_BODY?",
            ".env line 3: METRICS_PERSISTER_RETRY_MAX_ATTEMPTS: metrics_persister.retry_max_attempts = '0': "
            "must be a whole number from 1 to 1000000",
            "flag --port: port = 'x': must be a whole number from 0 to 65535",
            "environment variable FOREBAY_DURABILITY: durability = 'maximum': must be fsync, interval or os",
            "environment variable FOREBAY_HOST: host = '0.0.0.0' can be reached from other machines "
            "and no token is set: set FOREBAY_TOKEN to a long random text, or listen on 127.0.0.1",
        ]
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("forebay.toml", b"port = = 1", "must be TOML"),
        ("forebay.toml", b"host = '\xff'", "must be UTF-8"),
        (".env", b"A=1\nthis is no assignment\n", ".env line 2: must be NAME=VALUE"),
    ],
)
def test_unreadable_files_are_problems(
    name: str, content: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that cannot be parsed is told by name; it is never half read."""
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=reason):
        load(read({}, {}))


def test_a_named_file_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """forebay.toml may be missing; the file that --config names may not."""
    monkeypatch.chdir(tmp_path)
    assert load_settings().settings.port == 8420
    with pytest.raises(ConfigurationError, match=r"absent\.toml: no such file"):
        load_settings({}, "absent.toml")


def test_reload_reads_the_files_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of the file, `reload` gives the new value and keeps the flags of the start."""
    path = tmp_path / "mine.toml"
    path.write_text("frames_per_second = 5")
    loaded = load_settings({"port": "1234", "host": None}, str(path))
    path.write_text("frames_per_second = 20\nport = 99")
    again = reload(loaded)
    assert (loaded.settings.frames_per_second, again.settings.frames_per_second) == (5, 20)
    assert again.settings.port == 1234


@pytest.mark.parametrize(
    ("host", "open_to_all"),
    [(host, False) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")]
    + [(host, True) for host in ("0.0.0.0", "::", "192.168.0.1", "metrics.example")],
)
def test_open_hosts_need_a_token(host: str, open_to_all: bool) -> None:
    """Whatever other machines can reach is refused without a token and taken with one."""
    assert is_loopback(host) is not open_to_all
    if open_to_all:
        assert "FOREBAY_TOKEN" in problems(toml={"host": host})[0]
    assert load(sources(toml={"host": host, "token": "t"})).settings.host == host


def test_supabase_store_needs_its_variables() -> None:
    """A supabase: store without address and key is refused, and the message names what is missing."""
    told = problems(flags={"store": ["supabase:"]}, environment={"SUPABASE_URL": "https://x.co"})
    assert told == ["flags: store = supabase: needs SUPABASE_SERVICE_ROLE_KEY"]


def test_room_for_one_body() -> None:
    """Room in flight below the largest body would refuse that body for ever."""
    assert "at least max_body" in problems(toml={"max_in_flight": "1MiB"})[0]


def test_variables_set_to_nothing_are_not_set() -> None:
    """`FOREBAY_PORT=` leaves the port to the next source, as Compose files need it."""
    loaded = load(sources(environment={"FOREBAY_PORT": " "}, dotenv={"FOREBAY_PORT": "7"}))
    assert loaded.settings.port == 7


def test_variables_of_others_do_not_stop_a_start() -> None:
    """Kubernetes' service variables are passed over; near misses of the old names are warned of."""
    loaded = load(
        sources(
            environment={
                "FOREBAY_PORT": "tcp://10.0.0.1:8420",
                "FOREBAY_SERVICE_HOST": "10.0.0.1",
                "FOREBAY_PORT_8420_TCP_ADDR": "10.0.0.1",
                "SUPABASE_ACCESS_TOKEN": "x",
                "RESILIENCE_RETRY_ENABLE": "false",
            }
        )
    )
    assert loaded.settings.port == 8420
    assert len(loaded.warnings) == 2
    assert "did you mean RESILIENCE_RETRY_ENABLED?" in loaded.warnings[1]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=30))
def test_secrets_are_never_shown(text: str) -> None:
    """A secret is in no repr, no effective setting and no error, whether it is right or wrong."""
    secret = f"hush{text}"
    good = sources(environment={"FOREBAY_TOKEN": secret, "SUPABASE_SERVICE_ROLE_KEY": secret})
    loaded = load(good)
    assert loaded.settings.token == Secret(secret)
    for shown in (repr(loaded.settings), str(loaded.settings.token), repr(loaded.effective())):
        assert secret not in shown
    bad = problems(
        environment={
            "FOREBAY_TOKEN": f"{secret} x",
            "SUPABASE_DB_URL": f"mysql://{secret}",
            "FOREBAY_STORE": f"postgres://me:{secret}@h/d",
        }
    )
    assert len(bad) == 3
    assert secret not in repr(bad)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pa%40ss@h:5432/d", "postgresql://me:***@h:5432/d"),
        (
            "postgresql://me@h/d?password=x&sslmode=require",
            "postgresql://me@h/d?password=***&sslmode=require",
        ),
        ("sqlite:////var/lib/forebay/forebay.db", "sqlite:////var/lib/forebay/forebay.db"),
    ],
)
def test_store_addresses_show_no_password(url: str, shown: str) -> None:
    """The address of a store is shown whole but for its password."""
    assert str(StoreUrl(url)) == shown
    assert StoreUrl(url).reveal() == url


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (size(1), "8MiB", 8 * 1024 * 1024),
        (size(1), "10 GB", 10_000_000_000),
        (size(1), "1.5 kib", 1536),
        (size(1), 4096, 4096),
        (duration(0, 1e9), "500ms", 0.5),
        (duration(0, 1e9), "1h 30m", 5400.0),
        (duration(0, 1e9), "2.5", 2.5),
        (duration(0, 1e9, unit=DAY), "7d", 7.0),
        (duration(0, 1e9, unit=DAY), 12, 12.0),
        (duration(0, 1e9, unit=DAY), "12h", 0.5),
        (boolean(), "Yes", True),
        (boolean(), False, False),
        (whole(0, 9), " 7 ", 7),
        (number(0, 9), "1.5", 1.5),
        (stores(), "memory: sqlite:///a", (StoreUrl("memory:"), StoreUrl("sqlite:///a"))),
        (stores(), ["memory:"], (StoreUrl("memory:"),)),
    ],
)
def test_values_as_people_write_them(kind: Kind, raw: object, value: object) -> None:
    """Sizes, times, switches and lists are taken in their usual notations, from text and from TOML."""
    assert kind.parse(raw) == value


@pytest.mark.parametrize(
    ("kind", "raw"),
    [(size(1), raw) for raw in ("8 apples", "-1", "", True, 1.5, None, "1e9", "9" * 30 + "TB", [])]
    + [(duration(0, 100), raw) for raw in ("soon", "1y", "-1s", "inf", "nan", True, None, 101, float("nan"))]
    + [(boolean(), raw) for raw in ("maybe", 1, None, "")]
    + [(whole(0, 9), raw) for raw in ("1.0", "10", True, 1.0, "٣", "1_0", "-1")]
    + [(number(0, 9), raw) for raw in ("nan", "inf", True, "1,5", 10)]
    + [
        (stores(), raw)
        for raw in ("", [], [1], "memory: memory:", "sqlite://x", "sqlite:///", "supabase:x", "x")
    ],
)
def test_bad_values_are_refused(kind: Kind, raw: object) -> None:
    """What is not exactly such a value is refused with a sentence that says what must stand there."""
    with pytest.raises(ValueError, match=r"^must "):
        kind.parse(raw)


@given(st.integers(1, 2**63 - 1))
def test_sizes_are_shown_exactly(value: int) -> None:
    """A size as it is shown, set again, is the same size."""
    shown = show_size(value)
    assert size(0).parse(shown) == value


@given(
    st.dictionaries(
        st.text(max_size=30), st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers()))
    )
)
def test_whatever_stands_in_a_file_is_loaded_or_told(found: dict[str, object]) -> None:
    """No content of a file ends in anything but settings or a ConfigurationError."""
    unknown = found.keys() - BY_NAME.keys()
    with pytest.raises(ConfigurationError) if unknown else nullcontext():
        load(sources(toml={name: value for name, value in found.items() if name in unknown}))
