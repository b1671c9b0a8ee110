import { SAFETY_RULES } from '../protocols/stimulation/safety-rule.js';
import { COMMANDS_PER_SEQUENCE, GATE_COMMANDS_SEED, runGateCommands } from '../tests/helpers/gate-commands.js';
import { printLine } from './measure.js';

// `npm run bench -- gate-commands [commands]`: commands drawn around every limit, held against the controller's gate and
// the device's own check, which share no code; what is accepted is judged by plain arithmetic besides. A million by default.

const [commands = 1_000_000] = process.argv.slice(2).map(Number);
const started = performance.now();
const found = runGateCommands(Math.ceil(commands / COMMANDS_PER_SEQUENCE));
const seconds = (performance.now() - started) / 1000;
const hits = SAFETY_RULES.map((rule) => ({ rule, count: found.hits.get(rule) ?? 0 }));
const rarest = hits.reduce((least, next) => (next.count < least.count ? next : least));
const accepted = (100 * found.accepted) / found.commands;
printLine(`${found.commands} commands in ${seconds.toFixed(0)} s, seed ${GATE_COMMANDS_SEED}`);
printLine(`over a limit and accepted: ${found.overLimit.length}   disagreements: ${found.disagreements.length}`);
printLine(
  `accepted ${accepted.toFixed(1)} %, refused ${(100 - accepted).toFixed(1)} %; rarest rule ${rarest.rule}: ${rarest.count}`,
);
printLine(hits.map(({ rule, count }) => `${rule} ${count}`).join(', '));
const isHeld = found.overLimit.length + found.disagreements.length === 0 && accepted >= 20 && accepted <= 80;
if (!isHeld || rarest.count < 1000) {
  printLine(JSON.stringify({ overLimit: found.overLimit, disagreements: found.disagreements }));
  process.exitCode = 1;
}
