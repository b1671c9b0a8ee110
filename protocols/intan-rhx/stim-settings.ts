/** What one stimulation output is programmed with; currents and times as RHX takes them. */
export interface StimSettings {
  readonly stimEnabled: boolean;
  readonly shape: 'Biphasic' | 'BiphasicWithInterphaseDelay' | 'Triphasic';
  readonly polarity: 'NegativeFirst' | 'PositiveFirst';
  /** `KeyPressF1` to `F8`, `DigitalIn01` to `16`, `AnalogIn01` to `08`. */
  readonly source: string;
  readonly triggerEdgeOrLevel: 'Edge' | 'Level';
  readonly triggerHighOrLow: 'High' | 'Low';
  readonly pulseOrTrain: 'SinglePulse' | 'PulseTrain';
  readonly numberOfStimPulses: number;
  readonly firstPhaseDurationUs: number;
  readonly secondPhaseDurationUs: number;
  readonly interphaseDelayUs: number;
  /** Magnitudes: `polarity` has the sign. */
  readonly firstPhaseAmplitudeUa: number;
  readonly secondPhaseAmplitudeUa: number;
  readonly postTriggerDelayUs: number;
  readonly pulseTrainPeriodUs: number;
  readonly refractoryPeriodUs: number;
  readonly maintainAmpSettle: boolean;
  readonly enableAmpSettle: boolean;
  readonly preStimAmpSettleUs: number;
  readonly postStimAmpSettleUs: number;
  readonly enableChargeRecovery: boolean;
  readonly postStimChargeRecovOnUs: number;
  readonly postStimChargeRecovOffUs: number;
}

/** Steps of a stimulation controller. */
export interface StimSteps {
  readonly stepUa: number;
  readonly sampleRateHz: number;
}

/** Settings of an output that does nothing, whatever triggers it: RHX's own defaults, without currents. */
export const IDLE_STIM_SETTINGS: StimSettings = {
  stimEnabled: false,
  shape: 'Biphasic',
  polarity: 'NegativeFirst',
  source: 'KeyPressF1',
  triggerEdgeOrLevel: 'Edge',
  triggerHighOrLow: 'High',
  pulseOrTrain: 'SinglePulse',
  numberOfStimPulses: 1,
  firstPhaseDurationUs: 100,
  secondPhaseDurationUs: 100,
  interphaseDelayUs: 100,
  firstPhaseAmplitudeUa: 0,
  secondPhaseAmplitudeUa: 0,
  postTriggerDelayUs: 0,
  pulseTrainPeriodUs: 10_000,
  refractoryPeriodUs: 1000,
  maintainAmpSettle: false,
  enableAmpSettle: true,
  preStimAmpSettleUs: 0,
  postStimAmpSettleUs: 1000,
  enableChargeRecovery: false,
  postStimChargeRecovOnUs: 0,
  postStimChargeRecovOffUs: 0,
};

/** Name of each setting at RHX, and what it is measured in. */
const ITEMS: readonly (readonly [setting: keyof StimSettings, item: string, unit: 'ua' | 'us' | 'none'])[] = [
  ['stimEnabled', 'StimEnabled', 'none'],
  ['shape', 'Shape', 'none'],
  ['polarity', 'Polarity', 'none'],
  ['source', 'Source', 'none'],
  ['triggerEdgeOrLevel', 'TriggerEdgeOrLevel', 'none'],
  ['triggerHighOrLow', 'TriggerHighOrLow', 'none'],
  ['pulseOrTrain', 'PulseOrTrain', 'none'],
  ['numberOfStimPulses', 'NumberOfStimPulses', 'none'],
  ['firstPhaseDurationUs', 'FirstPhaseDurationMicroseconds', 'us'],
  ['secondPhaseDurationUs', 'SecondPhaseDurationMicroseconds', 'us'],
  ['interphaseDelayUs', 'InterphaseDelayMicroseconds', 'us'],
  ['firstPhaseAmplitudeUa', 'FirstPhaseAmplitudeMicroAmps', 'ua'],
  ['secondPhaseAmplitudeUa', 'SecondPhaseAmplitudeMicroAmps', 'ua'],
  ['postTriggerDelayUs', 'PostTriggerDelayMicroseconds', 'us'],
  ['pulseTrainPeriodUs', 'PulseTrainPeriodMicroseconds', 'us'],
  ['refractoryPeriodUs', 'RefractoryPeriodMicroseconds', 'us'],
  ['maintainAmpSettle', 'MaintainAmpSettle', 'none'],
  ['enableAmpSettle', 'EnableAmpSettle', 'none'],
  ['preStimAmpSettleUs', 'PreStimAmpSettleMicroseconds', 'us'],
  ['postStimAmpSettleUs', 'PostStimAmpSettleMicroseconds', 'us'],
  ['enableChargeRecovery', 'EnableChargeRecovery', 'none'],
  ['postStimChargeRecovOnUs', 'PostStimChargeRecovOnMicroseconds', 'us'],
  ['postStimChargeRecovOffUs', 'PostStimChargeRecovOffMicroseconds', 'us'],
];

/** Every setting with its name at RHX, in the order in which they are sent. */
export function listStimItems(
  settings: StimSettings,
): readonly (readonly [item: string, value: string | number | boolean])[] {
  return ITEMS.map(([setting, item]) => [item, settings[setting]] as const);
}

/**
 * Compares what RHX answers for each item with what it was told: words without their case, currents and times in whole steps
 * of the controller, because RHX writes six digits.
 *
 * @param read value of each item by its name, as answered
 * @returns the first item that differs, with both values
 */
export function findStimDifference(
  settings: StimSettings,
  read: ReadonlyMap<string, string>,
  steps: StimSteps,
): { readonly item: string; readonly got: string; readonly wanted: string } | undefined {
  for (const [setting, item, unit] of ITEMS) {
    const wanted = settings[setting];
    const got = read.get(item);
    if (got !== undefined && isSameValue(wanted, got, unit === 'none' ? 0 : stepOf(unit, steps))) continue;
    return { item, got: got ?? 'nothing', wanted: String(wanted) };
  }
  return undefined;
}

/** The nearest whole number of steps; RHX rounds so when it uploads. */
export function countStimSteps(value: number, step: number): number {
  return Math.round((value / step) * (1 + 1e-9));
}

/** Microamperes or microseconds of one step. */
export function stepOf(unit: 'ua' | 'us', { stepUa, sampleRateHz }: StimSteps): number {
  return unit === 'ua' ? stepUa : 1e6 / sampleRateHz;
}

function isSameValue(wanted: string | number | boolean, got: string, step: number): boolean {
  if (typeof wanted !== 'number') return String(wanted).toLowerCase() === got.toLowerCase();
  const value = got === '' ? Number.NaN : Number(got);
  if (step === 0) return value === wanted;
  // A hundredth of a step is more than six digits ever differ by, but for times that nobody needs to be so exact.
  const near = Math.abs(value - wanted) <= Math.max(0.01 * step, 5e-6 * wanted);
  return near && countStimSteps(value, step) === countStimSteps(wanted, step);
}
