import type { StimJimStage, StimJimTrain } from '../../protocols/stimjim/commands.js';
import type { StimJimMeasured, StimJimReply } from '../../protocols/stimjim/replies.js';
import type { CancelTimer, Timers } from '../../protocols/timers.js';

/** What a StimJim has measured while it gave a pulse: an observation of its own, not of the recorder. */
export interface StimJimDelivery {
  readonly type: 'delivery';
  /** Outputs that gave a current, from 1. */
  readonly outputs: readonly number[];
  readonly pulses: number;
  /** (stages) what was asked of each and what came; uA on an output that gives a current. */
  readonly stages: readonly { readonly asked: StimJimStage; readonly measured: readonly [number, number] }[];
}

export interface DeliveryWatchHandler {
  onDelivery(delivery: StimJimDelivery): void;
  onWarning(message: string): void;
}

/** Larger differences of what was given from what was asked are said, as a share; beside the 1 uA that integers leave out. */
const TOLERANCE = 0.1;
const ROUNDING_UA = 1;
/** How long the report of a train may take after its period. */
const REPORT_MS = 500;

interface Running {
  readonly train: StimJimTrain;
  readonly measured: Map<number, readonly [StimJimMeasured, StimJimMeasured]>;
  readonly cancel: CancelTimer;
  hasStarted: boolean;
  pulses: number | null;
}

/** Follows a train from its trigger to its report. */
export class DeliveryWatch {
  readonly #timers: Timers;
  readonly #handler: DeliveryWatchHandler;
  #running: Running | null = null;

  constructor(timers: Timers, handler: DeliveryWatchHandler) {
    this.#timers = timers;
    this.#handler = handler;
  }

  /** True from the trigger of a train until its report has come, or was given up. */
  get isRunning(): boolean {
    return this.#running !== null;
  }

  begin(train: StimJimTrain): void {
    this.forget();
    const cancel = this.#timers.after(train.periodUs / 1000 + REPORT_MS, () => {
      this.#giveUp();
    });
    this.#running = { train, measured: new Map(), cancel, hasStarted: false, pulses: null };
  }

  /** The train was stopped: nothing more is expected of it. */
  forget(): void {
    this.#running?.cancel();
    this.#running = null;
  }

  handle(reply: StimJimReply): void {
    const running = this.#running;
    if (running === null) return;
    if (reply.type === 'started' && reply.n === running.train.n) running.hasStarted = true;
    else if (reply.type === 'complete') running.pulses = reply.pulses;
    else if (reply.type === 'measured') running.measured.set(reply.stage, reply.outputs);
    if (running.pulses === null || running.measured.size < running.train.stages.length) return;
    this.forget();
    this.#report(running, running.pulses);
  }

  #giveUp(): void {
    const running = this.#running;
    this.forget();
    if (running === null) return;
    const what = running.hasStarted ? 'did not report its end' : 'did not say that it started';
    this.#handler.onWarning(`Train ${running.train.n} of the StimJim ${what}: whether it was delivered is not known`);
  }

  #report({ train, measured }: Running, pulses: number): void {
    const stages = train.stages.map((asked, i) => {
      const [first, second] = measured.get(i) ?? [];
      return { asked, measured: [first?.value ?? Number.NaN, second?.value ?? Number.NaN] as const };
    });
    const outputs = [0, 1].filter((output) => train.modes[output] === 'current').map((output) => output + 1);
    if (pulses !== 1) this.#handler.onWarning(`The StimJim delivered ${pulses} pulses in place of 1`);
    for (const output of outputs) {
      const worst = stages.find(({ asked, measured: came }) => isOff(asked.amplitudes[output - 1]!, came[output - 1]!));
      if (worst === undefined) continue;
      this.#handler.onWarning(
        `Output ${output} of the StimJim was asked for ${worst.asked.amplitudes[output - 1]!} uA and gave ` +
          `${worst.measured[output - 1]!} uA: is the electrode connected, is its impedance within the compliance?`,
      );
    }
    this.#handler.onDelivery({ type: 'delivery', outputs, pulses, stages });
  }
}

function isOff(askedUa: number, measuredUa: number): boolean {
  return !(Math.abs(measuredUa - askedUa) <= TOLERANCE * Math.abs(askedUa) + ROUNDING_UA);
}
