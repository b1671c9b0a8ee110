import { findRhxItem, type RhxItem } from '../../../protocols/intan-rhx/parameters.js';
import { IDLE_STIM_SETTINGS, listStimItems } from '../../../protocols/intan-rhx/stim-settings.js';

/** What a parameter is before anybody sets it, as RHX writes it. */
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ...listStimItems(IDLE_STIM_SETTINGS).map(([item, value]) => [item, toText(value)] as const),
  // Where RHX begins with other values than an idle output of ours has.
  ['Source', 'DigitalIn01'],
  ['NumberOfStimPulses', '2'],
  ['HeadstagePresent', 'True'],
  ['FileFormat', 'Traditional'],
  ['TCPNumberDataBlocksPerWrite', '10'],
  ['SpikeThresholdMicroVolts', '-70'],
  ['TCPDataOutputEnabled', 'False'],
  ['TCPDataOutputEnabledLow', 'False'],
  ['TCPDataOutputEnabledHigh', 'False'],
  ['TCPDataOutputEnabledSpike', 'False'],
  ['TCPDataOutputEnabledDC', 'False'],
  ['TCPDataOutputEnabledStim', 'False'],
]);

/** The values of all parameters, as text. */
export class ParameterStore {
  readonly #values = new Map<string, string>();
  readonly #channels: ReadonlySet<string>;
  readonly #ports: ReadonlySet<string>;

  /** @param channels native names of everything that has items of its own */
  constructor(channels: readonly string[]) {
    this.#channels = new Set(channels);
    this.#ports = new Set(channels.filter((name) => name[1] === '-').map((name) => name[0]!));
  }

  /** What a text names, if it is there. */
  find(text: string): RhxItem | undefined {
    const item = findRhxItem(text);
    if (item === undefined || item.scope === 'global') return item;
    return (item.scope === 'port' ? this.#ports : this.#channels).has(item.owner) ? item : undefined;
  }

  get(owner: string, name: string): string {
    return this.#values.get(`${owner}.${name}`) ?? DEFAULTS.get(name) ?? '';
  }

  set(owner: string, name: string, value: string): void {
    this.#values.set(`${owner}.${name}`, value);
  }

  isOn(owner: string, name: string): boolean {
    return this.get(owner, name) === 'True';
  }
}

function toText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}
