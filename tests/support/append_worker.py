"""A process that appends events to a store: ``append_worker FOLDER URL COUNT``."""

from __future__ import annotations

import sys
from pathlib import Path

from support.storage_box import open_box


def main(folder: str, url: str, count: str) -> None:
    """Wait for a line on standard input, then append."""
    box = open_box(Path(folder), url)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(int(count)):
        with box.store.begin() as unit:
            unit.events.append(type="test.appended", actor_id="w", payload={"n": number})
            unit.reads.append(type="test.read", actor_id="w", payload={"n": number})
            unit.commit()
    box.store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
