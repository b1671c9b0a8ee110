/** What a device, or a combination of them, can do for an experiment; data, so that it can be shown before anything is bought. */
export interface DeviceAbility {
  readonly device: string;
  /** Null for a device that only records. */
  readonly stimulation: {
    /** Groups of electrodes that can be fired apart; null where every pattern of electrodes can. */
    readonly groups: number | null;
    /** Most electrodes in a group; null for as many as there are. */
    readonly electrodesPerGroup: number | null;
    /** Most groups that begin together; null for all. */
    readonly together: number | null;
    /** What keeps more from beginning together, for people. */
    readonly togetherLimit?: string;
    /** `at-sample`: stimuli leave at the sample that was asked for; `immediate`: near it, and where is recorded. */
    readonly scheduling: 'at-sample' | 'immediate';
    /** `acknowledged`: the device says what left; `observed`: a recorder saw it. */
    readonly delivery: 'acknowledged' | 'observed';
    /** It turns itself off so long after it last heard of us; null for never. */
    readonly watchdogMs: number | null;
    /** Pulses that may still leave after the controlling program has died. */
    readonly afterDeath: string;
    /**
     * Longest times from the call for off, seen on the emulated device by `npm run bench -- devices-off`: to the end of the last
     * current, and until it was known that all is off. Null where that was not measured.
     */
    readonly off: { readonly lastCurrentMs: number; readonly knownMs: number } | null;
  } | null;
  readonly measuresImpedance: boolean;
}
