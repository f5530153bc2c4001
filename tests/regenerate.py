"""Makes the typed client of Stash anew: `python -m tests.regenerate`.

Run it after a change to schema.graphql or operations.graphql; a test fails until then.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from graphql import build_schema, introspection_from_schema

import stashbot

STASH = Path(stashbot.__file__).parent / "stash"
#: What sgqlc-codegen writes, by file.
COMMANDS = {
    # sgqlc takes a `Time` for a time of day; Stash's is a moment, and stays text.
    "schema.py": ["schema", "--exclude-default-types", "Time", "--", "{json}", "{out}"],
    "operations.py": ["operation", "--schema", "{json}", ".schema", "{out}", "{questions}"],
}


def generate(folder):
    """Write the generated files into `folder`; the same input gives the same bytes."""
    schema = build_schema((STASH / "schema.graphql").read_text("utf-8"))
    described = folder / "introspection.json"
    described.write_text(json.dumps(introspection_from_schema(schema)), "utf-8")
    try:
        for name, arguments in COMMANDS.items():
            places = {
                "json": described,
                "out": folder / name,
                "questions": STASH / "operations.graphql",
            }
            command = [argument.format(**places) for argument in arguments]
            subprocess.run(
                [sys.executable, "-m", "sgqlc.codegen", *command],
                env=os.environ | {"PYTHONHASHSEED": "0"},
                check=True,
            )
    finally:
        described.unlink()


if __name__ == "__main__":
    generate(STASH)
