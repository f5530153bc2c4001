"""The questions of the installer: `python -m stashbot.cli.setup FOLDER`.

Each answer is tried at once, and a wrong one is asked again. FOLDER gets all answers at the end:
settings.toml, telegram_token, stash_api_key, and stash.pem for a certificate that the owner
trusts. The values that it has are the defaults.
"""

from __future__ import annotations

from ..runtime import lazy_imports as _lazy  # noqa: F401 - before telebot, requests and structlog

# isort: split
import hashlib
import os
import ssl
import sys
import threading
import tomllib
from getpass import getpass
from pathlib import Path
from urllib.parse import urlsplit

from .. import logs
from ..errors import StashError, StashProblem, TelegramError
from ..settings.edit import value_of, with_value
from ..settings.keys import KEYS
from ..stash.client import StashClient
from ..telegram.client import TelegramClient
from ..telegram.errors import TokenRefused
from .check import REMEDIES
from .machine import wrong

TEMPLATE = Path(__file__).parents[2] / "settings.toml"
KEY = {key.name: key for key in KEYS}
TOKEN, API_URL, PROXY = "telegram.token", "telegram.api_url", "telegram.proxy"
URL, API_KEY, CA = "stash.url", "stash.api_key", "stash.ca"
#: The secrets, each with the name of its file, by systemd's LoadCredential=.
SECRETS = {TOKEN: "telegram_token", API_KEY: "stash_api_key"}
#: The answer that empties a value.
NONE = "none"
#: Seconds to look at the certificate of a server.
CERTIFICATE_S = 5.0


def main(folder: Path) -> int:
    """Ask, try and write; the exit code."""
    logs.configure("critical", "console", ())
    try:
        setup = Setup(folder)
        setup.telegram()
        setup.stash()
        setup.write()
    except EOFError:
        return _stop("The answers end here.")
    except KeyboardInterrupt:
        return _stop("Nothing is changed.")
    except ValueError as error:
        return _stop(f"{folder / 'settings.toml'}: {error}. Mend that, then run this again.")
    return 0


def _stop(text: str) -> int:
    print(f"\n{text}", file=sys.stderr)
    return 1


def ask(text: str, default: str = "", *, is_secret: bool = False) -> str:
    """Ask for one line, which is not shown if it is a secret; empty stands for the default."""
    # The address of a proxy may have a password.
    hint = "unchanged" if is_secret or "@" in default else default
    prompt = f"{text} [{hint}]: " if default else f"{text}: "
    answer = getpass(prompt) if is_secret and sys.stdin.isatty() else input(prompt)
    return answer.strip() or default


def confirmed(text: str) -> bool:
    return ask(f"{text} (yes or no)", "yes").lower() in ("y", "yes")


def _has_certificate(file: Path) -> bool:
    try:
        ssl.create_default_context(cafile=file)
    except OSError:
        return False
    return True


class Setup:
    """The answers so far, by the names of their keys. Raises EOFError where the input ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = folder / "settings.toml"
        self._text = (file if file.exists() else TEMPLATE).read_text("utf-8-sig")
        document = tomllib.loads(self._text)
        self._values = {
            key: value_of(document, key) or str(KEY[key].default)
            for key in (API_URL, PROXY, URL, CA)
        }
        if not _has_certificate(folder / self._values[CA]):
            self._values[CA] = ""
        self._values[API_URL] = os.environ.get("STASHBOT_TELEGRAM_API_URL", self._values[API_URL])
        for key, name in SECRETS.items():
            secret = folder / name
            self._values[key] = secret.read_text().strip() if secret.exists() else ""

    def telegram(self) -> None:
        """Ask for the token, and for a proxy if there is no other way to Telegram."""
        while True:
            self._ask(TOKEN, "The bot's token, from @BotFather (it is not shown)", is_secret=True)
            name = self._bot_name()
            if name and confirmed(f"The bot is @{name}, right?"):
                return
            self._values[TOKEN] = ""

    def _bot_name(self) -> str:
        """Return the bot's name; empty if Telegram refuses the token."""
        while True:
            client = TelegramClient(*(self._values[key] for key in (TOKEN, API_URL, PROXY)))
            try:
                return client.get_me()
            except TokenRefused:
                print("  Telegram does not know this token. Copy it once more.")
                return ""
            except TelegramError as error:
                print(f"  Telegram: {error}. Does this machine need a proxy?")
            finally:
                client.close_thread()
            text = f"A proxy, such as socks5://nas:1080, or {NONE} to try without"
            self._ask(PROXY, text, default=self._values[PROXY] or NONE)

    def stash(self) -> None:
        """Ask for Stash's address, for its key if it wants one, and trust its certificate."""
        while True:
            self._ask(URL, "Stash's address, as you open it in a browser")
            error = self._stash_error("")
            if error and "is not trusted" in str(error) and self._is_certificate_right():
                error = self._stash_error("")
            while error and error.problem is StashProblem.KEY_REFUSED:
                print(f"  Stash: {error}.")
                other = "" if self._values[API_KEY] else ", or nothing for another address"
                text = f"Stash's API key{other} (Stash: Settings, Security; it is not shown)"
                self._ask(API_KEY, text, is_secret=True)
                key, self._values[API_KEY] = self._values[API_KEY], ""
                if not key:
                    break
                error = self._stash_error(key)
            if not error:
                return
            line = wrong("Stash", error, REMEDIES[error.problem])
            print(f"  Stash: {line.came}.\n  -> {line.remedy}")

    def _stash_error(self, key: str) -> StashError | None:
        ca = self._values[CA] and str(self._folder / self._values[CA])
        client = StashClient(self._values[URL], key, threading.Event(), ca=ca)
        try:
            print(f"  Stash {client.server().version} answers.")
        except StashError as error:
            return error
        finally:
            client.close_thread()
        self._values[API_KEY] = key
        return None

    def _is_certificate_right(self) -> bool:
        """Show the fingerprint of Stash's certificate, and trust it if its owner says so."""
        parts = urlsplit(self._values[URL])
        address = (parts.hostname or "", parts.port or 443)
        try:
            certificate = ssl.get_server_certificate(address, timeout=CERTIFICATE_S)
        except OSError:
            return False
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).digest()
        print(f"  Stash's certificate has the SHA-256 fingerprint\n  {digest.hex(':').upper()}")
        if not confirmed("This machine does not know it. Trust it?"):
            return False
        self._put("stash.pem", certificate, 0o644)
        self._values[CA] = str(self._folder / "stash.pem")
        return True

    def write(self) -> None:
        """Write all answers, each file as a whole. Raises ValueError for unusual settings."""
        text = self._text
        for key in (PROXY, URL, CA):
            text = with_value(text, key, self._values[key])
        for key, name in SECRETS.items():
            self._put(name, self._values[key], 0o600)
        self._put("settings.toml", text, 0o644)

    def _ask(self, name: str, text: str, *, default: str = "", is_secret: bool = False) -> None:
        """Ask until the answer is right by the rule of its key."""
        while True:
            answer = ask(text, default or self._values[name], is_secret=is_secret)
            try:
                self._values[name] = KEY[name].check("" if answer == NONE else answer)
            except ValueError as error:
                print(f"  It {error}.")
            else:
                return

    def _put(self, name: str, text: str, mode: int) -> None:
        """Replace a file as a whole, with its rights from the first byte on."""
        new = self._folder / f"{name}.new"
        new.unlink(missing_ok=True)
        new.touch(mode)
        new.write_text(text)
        new.replace(self._folder / name)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
