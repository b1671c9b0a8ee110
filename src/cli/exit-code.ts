import { isMeaError, type ErrorTag } from '../../protocols/errors.js';
import { EXIT, type ExitCode } from './io.js';

const CODES: Readonly<Record<ErrorTag, ExitCode>> = {
  usage: EXIT.badInput,
  'bad-input': EXIT.badInput,
  'bad-format': EXIT.badInput,
  missing: EXIT.badInput,
  exists: EXIT.badInput,
  storage: EXIT.failed,
  link: EXIT.failed,
  refused: EXIT.failed,
  deadline: EXIT.failed,
  internal: EXIT.failed,
};

/** The exit code that an error ends the program with. */
export function toExitCode(error: unknown): ExitCode {
  return isMeaError(error) ? CODES[error.tag] : EXIT.failed;
}
