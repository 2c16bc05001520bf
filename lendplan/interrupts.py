"""Ctrl-C and SIGTERM end the command within two seconds, wherever it is, and leave nothing half-written.

Python hears a signal only between two of its own steps; a library may take longer than that over one. So a thread
that the signal wakes gives the ordinary way out, a ``KeyboardInterrupt``, a moment, and then ends the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

_PATIENCE = 1.5  # seconds


class _State:
    """What the handler of the one process knows."""

    placing = 0  # blocks that may not be interrupted
    forgiven = threading.Event()  # set when an interrupt fell into one


_state = _State()


@contextlib.contextmanager
def prompt_interrupts(clean_up: Callable[[], None], exit_code: int) -> Iterator[None]:
    """Make the block end soon after Ctrl-C or SIGTERM.

    Parameters
    ----------
    clean_up : called before the process is ended the hard way
    exit_code : of the process then
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    ended = threading.Event()
    _state.forgiven.clear()

    def watch() -> None:
        woken = os.read(read, 1)
        if woken and not ended.wait(_PATIENCE) and not _state.forgiven.is_set():
            clean_up()
            os._exit(exit_code)
        ended.wait()  # a second signal still writes to the pipe
        os.close(read)

    def interrupt(*_: object) -> None:
        if _state.placing:
            _state.forgiven.set()
        else:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    threading.Thread(target=watch, name="interrupts", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        ended.set()
        os.close(write)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Forget an interrupt that falls into the block: what is done here is done at once, and not by halves."""
    _state.placing += 1
    try:
        yield
    finally:
        _state.placing -= 1
