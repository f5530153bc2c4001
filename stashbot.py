#!/usr/bin/env python3
"""Start stashbot: see `./stashbot.py --help`."""

import gc
import signal
import sys

if __name__ == "__main__":
    # Ctrl-C ends us without a traceback, until the bot itself waits for it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.disable()  # all that is imported stays; to look for garbage in it is a tenth of the start
    try:
        from stashbot.cli.main import main
    except ModuleNotFoundError as error:
        if str(error.name).startswith("stashbot"):
            raise  # our own fault
        sys.exit(
            f"{error.name} is missing in {sys.executable}: install the packages as README says,"
            " and start it with .venv/bin/python stashbot.py"
        )
    gc.freeze()
    gc.enable()
    raise SystemExit(main())
