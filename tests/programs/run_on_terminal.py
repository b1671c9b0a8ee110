"""Runs a program on a terminal of its own. Bytes on stdin are typed there; at the end one line of JSON on stdout:
exit code, all that it wrote, how the terminal was set, one after the other, and whether it is at the end as it was."""

import fcntl
import json
import os
import pty
import select
import sys
import termios


def state_of(fd):
    return "cooked" if termios.tcgetattr(fd)[3] & termios.ICANON else "raw"


def start(argv, terminal):
    pid = os.fork()
    if pid == 0:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.execvp(argv[0], argv)
    return pid


def read_ready(fd, wait_s):
    ready, _, _ = select.select([fd], [], [], wait_s)
    return os.read(fd, 65536) if ready else b""


def main():
    # This process keeps the terminal open, so that it can be looked at when the program has ended.
    keyboard, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    pid = start(sys.argv[1:], terminal)
    output = b""
    states = [state_of(terminal)]
    typed = [0]
    while True:
        ready, _, _ = select.select([keyboard, *typed], [], [], 0.02)
        if keyboard in ready:
            output += os.read(keyboard, 65536)
        if 0 in ready:
            keys = os.read(0, 1024)
            if keys:
                os.write(keyboard, keys)
            else:
                typed = []
        state = state_of(terminal)
        if state != states[-1]:
            states.append(state)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
    state = state_of(terminal)
    if state != states[-1]:
        states.append(state)
    while chunk := read_ready(keyboard, 0.05):
        output += chunk
    print(
        json.dumps(
            {
                "code": os.waitstatus_to_exitcode(status),
                "output": output.decode("utf-8", "replace"),
                "states": states,
                "restored": termios.tcgetattr(terminal) == before,
            }
        )
    )


main()
