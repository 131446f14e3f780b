"""A child process that does not outlive us, even if we are killed and cannot clean up."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_prctl = ctypes.PyDLL(None).prctl if sys.platform == "linux" else None


def dies_with_parent(by: signal.Signals = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn`: when the *thread* that starts the child ends, the kernel sends the signal to it.

    Only Linux offers this; elsewhere nothing happens here, and a killed parent leaves its child running.
    The function runs between fork and exec, where other threads' locks may be held for ever: so it makes
    nothing but system calls, found beforehand.
    """
    parent = os.getpid()

    def arrange() -> None:
        if _prctl is None:
            return
        _prctl(_PR_SET_PDEATHSIG, by.value)
        if os.getppid() != parent:  # the parent died between the fork and the line above
            os.kill(os.getpid(), by)

    return arrange
