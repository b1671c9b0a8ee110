#!/usr/bin/python3
"""A vendor's device behind MEA-Link over ZeroMQ: commands on a port, data on the next one.

    bridge.py --port 9200                      # a test signal, to try it out
    meactl devices zmq+tcp://127.0.0.1:9200

Needs Debian's python3-zmq. Listens on 127.0.0.1 only: who reaches the command socket may stimulate.
"""

import argparse
import signal
import sys

import zmq

sys.dont_write_bytecode = True

import wire
from device import Device
from vendor import FakeVendor

READY = b""
GOODBYE = b"\0"
TURN_MS = 1


def main():
    parser = argparse.ArgumentParser(description="serves a vendor's device over MEA-Link")
    parser.add_argument("--port", type=int, default=9200, help="port of the commands; data go over the next one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))

    context = zmq.Context()
    router, publisher = context.socket(zmq.ROUTER), context.socket(zmq.PUB)
    for socket in (router, publisher):
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.MAXMSGSIZE, 65_536 + 4)
        # A peer that reads too slowly fills this and then loses frames; their numbers show it.
        socket.setsockopt(zmq.SNDHWM, 20_000)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    router.bind(f"tcp://127.0.0.1:{options.port}")
    publisher.bind(f"tcp://127.0.0.1:{options.port + 1}")

    lost = []

    def send_control(peer, message):
        try:
            router.send_multipart([peer, wire.put_frame(message)], zmq.NOBLOCK)
        except zmq.ZMQError:
            lost.append(peer)

    def send_data(message):
        publisher.send(wire.put_frame(message), zmq.NOBLOCK)

    device = Device(FakeVendor(), send_control, send_data)
    print(f"zmq+tcp://127.0.0.1:{options.port}", flush=True)
    try:
        while True:
            if router.poll(TURN_MS):
                take(router, publisher, device)
            device.turn()
            while lost:
                device.lose(lost.pop(), "the connection is gone")
    except KeyboardInterrupt:
        pass
    finally:
        # Stimulation off before anything else.
        device.disarm("link-lost", "the bridge shuts down")
        context.destroy()


def take(router, publisher, device):
    """Everything that has come in."""
    while True:
        try:
            parts = router.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        if len(parts) != 2:
            continue
        peer, frame = parts
        if frame == READY:
            device.connect(peer)
            router.send_multipart([peer, READY])
            publisher.send(READY)
        elif len(frame) == 1:
            device.lose(peer, "the controller said goodbye")
        elif peer not in device.peers:
            router.send_multipart([peer, GOODBYE])
        else:
            message = wire.take_frame(frame)
            if message is not None:
                device.receive(peer, message)


if __name__ == "__main__":
    main()
