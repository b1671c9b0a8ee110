import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Reply } from 'zeromq';
import { packageFolder } from '../../src/cli/package-info.js';
import type { ToolProbe } from './debian-tool.js';

/** What a program that decides patterns is asked. */
export interface PolicyQuestion {
  readonly session: number;
  readonly trial: number;
}

/** The clients of examples/external-policy, and what each needs. */
export const POLICY_CLIENTS: readonly (readonly [file: string, probe: ToolProbe])[] = [
  ['policy.py', { command: '/usr/bin/python3', args: ['-c', 'import zmq'], remedy: 'apt-get install python3-zmq' }],
  [
    'policy.m',
    {
      command: 'octave-cli',
      args: ['--norc', '--eval', 'pkg load zeromq'],
      remedy: 'apt-get install octave octave-zeromq',
    },
  ],
];

export function policyScript(file: string): string {
  return join(packageFolder(), 'examples/external-policy', file);
}

/** An address of this machine that nobody listens at. */
export async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const place = server.address();
  if (place === null || typeof place === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return `tcp://127.0.0.1:${place.port}`;
}

function isQuestion(value: unknown): value is PolicyQuestion {
  return typeof value === 'object' && value !== null && 'session' in value && 'trial' in value;
}

/** A program that decides. */
export interface PolicyProgram {
  /** Questions so far. */
  asked(): number;
  close(): Promise<void>;
}

/** A program in this process that answers until it is closed; undefined is no answer, and its end. */
export function answerAll(address: string, answer: (question: PolicyQuestion) => unknown): PolicyProgram {
  const socket = new Reply({ linger: 0 });
  socket.connect(address);
  let asked = 0;
  const answering = (async () => {
    for await (const [text] of socket) {
      const question: unknown = JSON.parse(text!.toString());
      if (!isQuestion(question)) throw new Error('no question');
      asked++;
      const answered = answer(question);
      if (answered === undefined) return;
      await socket.send(JSON.stringify(answered));
    }
  })();
  return {
    asked: () => asked,
    close: () => {
      socket.close();
      return answering;
    },
  };
}
