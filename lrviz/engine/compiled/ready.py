"""Whether the compiled core is ready. It is compiled once for an installation, by another process; nobody waits for it.

What the environment variable LRVIZ_COMPILED says: `wait` waits for it, `never` does without it.
"""

import importlib
import os
import subprocess
import sys
import threading
from types import ModuleType

from lrviz.network.tracing import TRACING

_TILE = "lrviz.engine.compiled.tile"


class _Core:
    """The compiled core of this process: not there yet, being compiled elsewhere, being loaded, ready, or missing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._module: ModuleType | None = None
        self._is_missing = False
        self._compiler: subprocess.Popen[bytes] | None = None
        self._loader: threading.Thread | None = None

    def get(self) -> ModuleType | None:
        """The core if it is ready; else see to it that it will be."""
        if self._module is None and not self._is_missing:
            with self._lock:
                self._go_on()
        return self._module

    def wait(self) -> ModuleType | None:
        """The core; None if it cannot be compiled here."""
        while self.get() is None and not self._is_missing:
            if self._loader is not None:
                self._loader.join()
            if self._compiler is not None:
                self._compiler.wait()
        return self._module

    def _go_on(self) -> None:
        if self._loader is not None and self._loader.is_alive():
            return
        if self._compiler is not None:
            if self._compiler.poll() is None:
                return
            self._is_missing = self._compiler.returncode != 0
        if not self._is_missing and self._module is None:
            self._loader = threading.Thread(target=self._load, name="lrviz-load-core")
            self._loader.start()

    def _load(self) -> None:
        """Load the machine code if it is on disk, else have it compiled.

        Not while a network is traced: `torch.export` replaces functions of `math` meanwhile, which numba looks up.
        """
        with TRACING:
            self._load_now()

    def _load_now(self) -> None:
        try:
            module = importlib.import_module(_TILE)
            if self._compiler is None and not module.stamp().exists():
                command = [sys.executable, "-m", "lrviz.engine.compiled"]
                silent = subprocess.DEVNULL
                self._compiler = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent)
            else:
                module.warm_up()
                self._module = module
        except Exception:  # numba is missing or does not work here, in one of many ways: PyTorch serves
            self._is_missing = True


_core = _Core()


def ready_core() -> ModuleType | None:
    """The module `tile` of the compiled core if it is ready; None if PyTorch has to serve."""
    mode = os.environ.get("LRVIZ_COMPILED", "")
    if mode == "never":
        return None
    return _core.wait() if mode == "wait" else _core.get()


def wait_until_ready() -> bool:
    """Wait for the compiled core; whether there is one."""
    return _core.wait() is not None
