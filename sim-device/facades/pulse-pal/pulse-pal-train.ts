/** What an output of the emulated Pulse Pal holds; times in cycles of 50 us, voltages as numbers for its converter. */
export interface TrainSettings {
  readonly isBiphasic: boolean;
  readonly phase1: number;
  readonly phase2: number;
  readonly phase1Cycles: number;
  readonly interPhaseCycles: number;
  readonly phase2Cycles: number;
  readonly interPulseCycles: number;
  readonly burstCycles: number;
  readonly interBurstCycles: number;
  readonly trainCycles: number;
  /** The custom train that gives times and voltages of its pulses, where one does. */
  readonly custom: { readonly cycles: readonly number[]; readonly codes: readonly number[] } | null;
}

/** A pulse of a train, in cycles since the train began. */
export interface TrainPulse {
  readonly atCycle: number;
  readonly phases: readonly { readonly code: number; readonly cycles: number }[];
}

/** 0 V; the second phase of a custom pulse mirrors the first about it. */
export const ZERO_CODE = 32_768;

/** The pulses of a train in their order, without an end in an endless loop. The last one is cut where the train ends. */
export function* pulsesOf(settings: TrainSettings, isEndless: boolean): Generator<TrainPulse> {
  const pulses = settings.custom === null ? plainPulses(settings) : customPulses(settings, settings.custom);
  for (const pulse of pulses) {
    if (isEndless) yield pulse;
    else if (pulse.atCycle >= settings.trainCycles) return;
    else yield cutPulse(pulse, settings.trainCycles);
  }
}

function* plainPulses(settings: TrainSettings): Generator<TrainPulse> {
  const { phase1, phase2, phase1Cycles, interPulseCycles, burstCycles, interBurstCycles } = settings;
  const phases = phasesOf(settings, phase1, phase2);
  const pulseCycles = phases.reduce((sum, { cycles }) => sum + cycles, 0);
  const hasBursts = burstCycles > 0 && interBurstCycles > 0;
  // a pulse does not begin where its first phase would reach the end of the burst
  if (pulseCycles === 0 || (hasBursts && phase1Cycles >= burstCycles)) return;
  let burstAt = 0;
  let atCycle = 0;
  for (;;) {
    if (hasBursts && atCycle + phase1Cycles >= burstAt + burstCycles) {
      burstAt += burstCycles + interBurstCycles;
      atCycle = burstAt;
    }
    yield { atCycle, phases };
    // this firmware looks for the next pulse at a cycle that has passed
    if (!settings.isBiphasic && interPulseCycles === 0) return;
    atCycle += pulseCycles + interPulseCycles;
  }
}

function* customPulses(
  settings: TrainSettings,
  { cycles, codes }: { readonly cycles: readonly number[]; readonly codes: readonly number[] },
): Generator<TrainPulse> {
  for (let i = 0; i < cycles.length; i++) {
    const code = codes[i]!;
    yield { atCycle: cycles[i]!, phases: phasesOf(settings, code, 2 * ZERO_CODE - code) };
  }
}

function phasesOf(settings: TrainSettings, first: number, second: number): TrainPulse['phases'] {
  const { isBiphasic, phase1Cycles, interPhaseCycles, phase2Cycles } = settings;
  if (!isBiphasic) return [{ code: first, cycles: phase1Cycles }];
  return [
    { code: first, cycles: phase1Cycles },
    ...(interPhaseCycles > 0 ? [{ code: ZERO_CODE, cycles: interPhaseCycles }] : []),
    { code: second, cycles: phase2Cycles },
  ];
}

function cutPulse({ atCycle, phases }: TrainPulse, endCycle: number): TrainPulse {
  let left = endCycle - atCycle;
  const cut = phases.map(({ code, cycles }) => {
    const kept = Math.min(cycles, left);
    left -= kept;
    return { code, cycles: kept };
  });
  return { atCycle, phases: cut.filter(({ cycles }) => cycles > 0) };
}
