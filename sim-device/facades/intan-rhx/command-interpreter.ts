import { findRhxAction, readRhxValue } from '../../../protocols/intan-rhx/parameters.js';
import type { ParameterStore } from './parameter-store.js';

/** What the interpreter can do to the rest of the program. */
export interface InterpreterPorts {
  readonly store: ParameterStore;
  /** Values that are not set but found out; undefined where the store has it. */
  readonly look: (owner: string, name: string) => string | undefined;
  /** Value without a name; undefined where it has one. */
  readonly lookNameless: (name: string) => string | undefined;
  readonly mode: () => 'Stop' | 'Run' | 'Record' | 'Trigger';
  /** Starts or stops the board; an error text where it cannot. */
  readonly setMode: (mode: string) => string | undefined;
  /** Carries an action out; an error text where it cannot. */
  readonly execute: (action: string, argument: string) => string | undefined;
  readonly reply: (text: string) => void;
  /** The program does not survive it. */
  readonly crash: (why: string) => void;
}

/** Parameters that take the rest of the line. */
const LONG_VALUES = /^(?:note[123]|filename\..*|impedancefilename\..*)$/;

/**
 * Takes commands as RHX does: what one read brings is a batch of its own, cut at each semicolon; nothing is put together
 * over two reads. Whoever starts the board within a batch hears of the rest of it only when the board has stopped.
 */
export class CommandInterpreter {
  readonly #ports: InterpreterPorts;
  /** What waits behind a run mode, the innermost last. */
  #behind: (() => void)[] = [];

  constructor(ports: InterpreterPorts) {
    this.#ports = ports;
  }

  /** One read. */
  read(text: string): void {
    const commands = text
      .split(';')
      .map((command) => command.trim())
      .filter((command) => command !== '');
    const wasRunning = this.#ports.mode() !== 'Stop';
    this.#runFrom(commands, 0);
    if (wasRunning && this.#ports.mode() === 'Stop') this.boardStopped();
  }

  /** The acquisition that runs inside a command has ended, so what follows that command is heard. */
  boardStopped(): void {
    const behind = this.#behind;
    this.#behind = [];
    for (const go of behind) go();
  }

  #runFrom(commands: readonly string[], from: number): void {
    for (let i = from; i < commands.length; i++) {
      const wasRunning = this.#ports.mode() !== 'Stop';
      this.#runOne(commands[i]!, i + 1);
      if (wasRunning || this.#ports.mode() === 'Stop') continue;
      if (i + 1 < commands.length) {
        this.#behind.push(() => {
          this.#runFrom(commands, i + 1);
        });
      }
      return;
    }
  }

  #runOne(command: string, place: number): void {
    const words = command.split(/ +/);
    const [verb = ''] = words;
    const error = this.#dispatch(verb.toLowerCase(), { words, command, place });
    if (error !== undefined) this.#ports.reply(error);
  }

  #dispatch(
    verb: string,
    { words, command, place }: { readonly words: readonly string[]; readonly command: string; readonly place: number },
  ): string | undefined {
    const prefix = `Error - Command ${place}: `;
    switch (verb) {
      case 'set':
        return this.#set(words, command, prefix);
      case 'get':
        return words.length === 2 ? this.#get(words[1]!) : `${prefix}Get commands require a parameter`;
      case 'execute':
        if (words.length < 2) return `${prefix}Execute commands require an action`;
        return this.#execute(words[1]!, words[2] ?? '');
      case 'livenotes':
        return this.#ports.mode() === 'Record' ? undefined : 'LiveNotes cannot be added unless the board is recording';
      default:
        return `${prefix}Unrecognized command`;
    }
  }

  #set(words: readonly string[], command: string, prefix: string): string | undefined {
    const [, name = '', value] = words;
    if (name === '') return `${prefix}Set commands require a parameter and a value`;
    if (value === undefined) {
      this.#ports.crash(`'${command}' has no value: RHX reads beyond its list of words`);
      return undefined;
    }
    const isLong = LONG_VALUES.test(name.toLowerCase());
    if (words.length > 3 && !isLong) return `${prefix}Set commands require a parameter and a value`;
    if (name.toLowerCase() === 'runmode') return this.#ports.setMode(value);
    const item = this.#ports.store.find(name);
    if (item === undefined) return 'Unrecognized parameter';
    const { kind, name: parameter } = item.parameter;
    if (kind.type === 'read-only') return `${parameter} cannot be changed once software has started.`;
    if (parameter === 'TCPNumberDataBlocksPerWrite' && this.#ports.mode() !== 'Stop') {
      return `${parameter} cannot be set while the board is running`;
    }
    const text = isLong ? command.slice(command.indexOf(name) + name.length).trim() : value;
    const read = readRhxValue(kind, text);
    if (read.type === 'refused') return `Invalid value for ${parameter} command. Acceptable: ${read.acceptable}`;
    this.#ports.store.set(item.owner, parameter, read.value);
    return undefined;
  }

  #get(text: string): string {
    const item = this.#ports.store.find(text);
    if (item === undefined) return 'Unrecognized parameter';
    const { owner, parameter } = item;
    const nameless = this.#ports.lookNameless(parameter.name);
    if (nameless !== undefined) return `Return: ${nameless}`;
    const value = this.#ports.look(owner, parameter.name) ?? this.#ports.store.get(owner, parameter.name);
    return `Return: ${parameter.name} ${value}`;
  }

  #execute(text: string, argument: string): string | undefined {
    const action = findRhxAction(text);
    if (action === undefined) return 'Unrecognized action';
    return this.#ports.execute(action.name, argument);
  }
}
