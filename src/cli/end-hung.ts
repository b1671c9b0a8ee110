/**
 * Ends this process although a call of the system never came back to one of its threads: `process.exit` would wait for that
 * thread. Whoever started it sees an end by SIGKILL, which a shell tells as 137.
 */
export async function endHung(): Promise<void> {
  await Promise.all([flush(process.stdout), flush(process.stderr)]);
  process.kill(process.pid, 'SIGKILL');
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve();
    });
  });
}
