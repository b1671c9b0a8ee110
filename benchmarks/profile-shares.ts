import { z } from 'zod';

/** Share of a thread's time that was spent in one part of the program. */
export interface PartShare {
  readonly part: string;
  readonly share: number;
}

const PROFILE = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string() }),
      children: z.array(z.number()).optional(),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

/** What code belongs to, by its address; the first that fits. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/\/thread\/shared-fifo/, 'waiting for the other thread'],
  [/\/sim-device\/(voltages|rig|kernels)\//, 'synthesis'],
  [/\/sim-device\//, 'device'],
  [/\/protocols\/mea-link\/|\/protobufjs\//, 'wire'],
  [/\/drivers\//, 'driver'],
  [/\/src\/pipeline\//, 'pipeline'],
  [/\/protocols\/stimulation\//, 'gate'],
  [/\/protocols\/virtual-timers/, 'virtual time'],
  [/\/src\/model\//, 'model'],
  [/\/src\/(closed-loop|recording)\//, 'experiment'],
];

/**
 * Shares of the parts of the program in a CPU profile of Node, the largest first, those below half a percent left out.
 * WebAssembly belongs to who called it.
 */
export function shareByPart(profile: string): readonly PartShare[] {
  const { nodes, samples, timeDeltas } = PROFILE.parse(JSON.parse(profile));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const partOf = (id: number): string => {
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const { functionName = '', url = '' } = frames.get(at) ?? {};
      if (functionName === '(garbage collector)') return 'garbage collection';
      if (functionName === '(idle)') return 'idle';
      if (url.startsWith('wasm:')) continue;
      return PARTS.find(([pattern]) => pattern.test(url))?.[1] ?? 'the rest';
    }
    return 'the rest';
  };
  const times = new Map<string, number>();
  let total = 0;
  for (const [k, id] of samples.entries()) {
    const part = partOf(id);
    times.set(part, (times.get(part) ?? 0) + timeDeltas[k]!);
    total += timeDeltas[k]!;
  }
  return [...times]
    .map(([part, time]) => ({ part, share: time / total }))
    .filter(({ share }) => share >= 0.005)
    .sort((a, b) => b.share - a.share);
}
