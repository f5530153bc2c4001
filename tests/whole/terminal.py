"""A terminal on which a test answers the questions of a program."""

import os
import pty
import select
import subprocess
from contextlib import suppress


def converse(command, talk, environ=()):
    """Answer each question when it comes; all that was to be seen.

    A secret that is written before its question is dropped: getpass empties the terminal first.
    """
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        command,
        env=os.environ | dict(environ),
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        start_new_session=True,  # or getpass would use the terminal of the tests
    )
    os.close(its_end)
    seen, whole = b"", b""
    for question, answer in talk:
        while question not in seen:
            assert select.select([terminal], [], [], 20)[0], whole
            seen += os.read(terminal, 4096)
        whole, seen = whole + seen, b""
        os.write(terminal, answer.encode() + b"\n")
    with suppress(OSError):  # how a terminal says that its last program has ended
        while select.select([terminal], [], [], 60)[0] and (chunk := os.read(terminal, 4096)):
            whole += chunk
    os.close(terminal)
    process.kill()
    process.wait()
    return whole.decode()
