// `node scripts/port-answers.mjs HOST PORT`: exits with 0 when something listens there, with 1 when not.
import { connect } from 'node:net';

const [host, port] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), timeout: 1000 });
const end = (code) => {
  socket.destroy();
  process.exitCode = code;
};
socket.on('connect', () => end(0));
socket.on('timeout', () => end(1));
socket.on('error', () => end(1));
