import type { Command, DataMessage, ReplyResult } from '../../protocols/mea-link/messages.js';

/** Follows each stimulus that a device accepted to its end: delivered or dropped, exactly once. */
export class StimulusBook {
  /** By boot and stimulus. */
  readonly #fates = new Map<string, number>();
  readonly #boots = new Map<string, number>();
  #delivered = 0;

  /** Stimuli that were accepted. */
  get accepted(): number {
    return this.#boots.size;
  }

  command(boot: number, command: Command, result: ReplyResult): void {
    if (command.type === 'trigger' && result.type === 'scheduled') {
      this.#boots.set(`${boot}/${command.stimulusId}`, boot);
    }
  }

  data(boot: number, message: DataMessage): void {
    if (message.type !== 'stimulus-delivered' && message.type !== 'stimulus-dropped') return;
    if (message.type === 'stimulus-delivered') this.#delivered += 1;
    const key = `${boot}/${message.stimulusId}`;
    this.#fates.set(key, (this.#fates.get(key) ?? 0) + 1);
  }

  /** What does not add up, as sentences: fates against acceptances, and against the pulses that really left. */
  problems(lastBoot: number, pulsesLeft: number): readonly string[] {
    const problems: string[] = [];
    for (const [key, boot] of this.#boots) {
      const fates = this.#fates.get(key) ?? 0;
      // What a boot that ended without power had accepted ended with it.
      if (fates !== 1 && !(fates === 0 && boot < lastBoot)) problems.push(`stimulus ${key} has ${fates} fates`);
    }
    for (const key of this.#fates.keys())
      if (!this.#boots.has(key)) problems.push(`stimulus ${key} was never accepted`);
    if (pulsesLeft !== this.#delivered) problems.push(`${pulsesLeft} stimuli left, ${this.#delivered} were told of`);
    return problems;
  }
}
