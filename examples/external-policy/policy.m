% A policy for meactl: sources by coin, each input follows its own block's source in three of four trials.
% Debian: apt-get install octave octave-zeromq.  Usage: octave-cli policy.m [tcp://127.0.0.1:5577]
pkg load zeromq
address = "tcp://127.0.0.1:5577";
if numel(argv()) > 0, address = argv(){1}; end
socket = zmq_socket(ZMQ_REP);
zmq_connect(socket, address);
while true
  text = char(zmq_recv(socket, 100000));
  if isempty(text), pause(0.001); continue; end
  ask = jsondecode(text);
  sources = rand(1, ask.sources) < 0.5;
  own = ceil((1:ask.inputs) / (ask.inputs / ask.sources));
  other = 1 + mod(own - 1 + (rand(1, ask.inputs) < 0.25), ask.sources);
  answer = struct("session", ask.session, "trial", ask.trial, ...
    "sources", char(sources + 48), "inputs", char(sources(other) + 48));
  zmq_send(socket, uint8(jsonencode(answer)));
end
