"""Stands between the launcher and a node: ties the node's life to the launcher's.

Run as a program, `guard.py LAUNCHER_PID PROGRAM ARGUMENT…` asks the kernel to kill this process
when the launcher dies, whatever way it dies, and then becomes PROGRAM. A `preexec_fn` would do the
same, but runs Python between fork and exec, which is unsafe in a process that has threads.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program named on the command line."""
    launcher, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:
        sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
