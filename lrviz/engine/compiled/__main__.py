"""Compile the core and keep its machine code: `python -m lrviz.engine.compiled`."""

from filelock import FileLock

from lrviz.engine.compiled.tile import stamp, warm_up

if __name__ == "__main__":
    ready = stamp()
    ready.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{ready}.lock"):
        warm_up()
        ready.touch()
