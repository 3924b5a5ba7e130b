"""Where a running process is, and how to speak to it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from actors.cli.exits import USAGE, CommandError
from actors.config import Settings

if TYPE_CHECKING:
    import httpx


def add_url(parser: ArgumentParser) -> None:
    """Give `parser` the flag --url."""
    parser.add_argument("--url", help="where the process listens (default: host and port of the settings)")


def base_url(settings: Settings, given: str | None) -> str:
    """The address of the process that runs with `settings`, or the one `given`; no slash at its end."""
    if given:
        if not _is_address(given):
            raise CommandError(f"--url {given}: must be an address such as http://10.0.0.5:8420", USAGE)
        return given.rstrip("/")
    if settings.port == 0:
        raise CommandError(
            "port = 0 lets the system choose: say --url http://HOST:PORT of the process", USAGE
        )
    # A wildcard is an address to listen on; the same machine is reached through loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # Asking for the port is what finds a wrong one.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def headers(settings: Settings) -> dict[str, str]:
    """What proves that we may: nothing where no token is set."""
    return {} if settings.token is None else {"Authorization": f"Bearer {settings.token.reveal()}"}


def nobody_listens(url: str, error: Exception | None = None) -> CommandError:
    """The error for a connection that was refused or timed out."""
    import httpx

    if isinstance(error, httpx.ReadTimeout):
        return CommandError(
            f"{url} was reached, and has not answered in time: look at the process and its log"
        )
    return CommandError(f"nobody answers at {url}: start one with `forebay run`, or say --url or --port")


def refused(url: str, response: httpx.Response) -> CommandError:
    """The error for an answer that is none of what was asked for."""
    if response.status_code == 401:
        return CommandError(f"{url} refuses the token: set FOREBAY_TOKEN to the one that it was started with")
    said = " ".join(response.text.split())[:200]
    return CommandError(f"{url} answered {response.status_code}: {said}; is it Forebay that listens there?")
