#!/usr/bin/env python3
"""Start stashbot: see `./stashbot.py --help`."""

import signal

if __name__ == "__main__":
    # Ctrl-C ends us without a traceback, until the bot itself waits for it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from stashbot.main import main

    raise SystemExit(main())
