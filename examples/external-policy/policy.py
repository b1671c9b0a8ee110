"""A policy for meactl: shows one source at a time, the one whose last response was weaker. Debian: apt-get install python3-zmq."""

import json
import random
import sys

import zmq

socket = zmq.Context().socket(zmq.REP)
socket.connect(sys.argv[1] if len(sys.argv) > 1 else "tcp://127.0.0.1:5577")
means = {}
while True:
    ask = json.loads(socket.recv())
    if ask["last"]:
        means[ask["last"]["sources"]] = sum(ask["last"]["counts"])
    states = [format(2**k, f"0{ask['sources']}b") for k in range(ask["sources"])]
    state = min(states, key=lambda s: (means.get(s, -1), random.random()))
    block = ask["inputs"] // ask["sources"]
    inputs = "".join(state[j // block] if random.random() < 0.75 else random.choice(state) for j in range(ask["inputs"]))
    socket.send_string(json.dumps({"session": ask["session"], "trial": ask["trial"], "sources": state, "inputs": inputs}))
