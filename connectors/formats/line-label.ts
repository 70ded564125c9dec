/** A label before the text of each line, set off by a tab. */
import { TidecastError } from '../../src/core/errors.ts';

const TAB = 9;
const NEWLINE = 10;

/** Reads the label of each line, character by character; throws SOURCE_LABEL where it is none of those that are known. */
export class LineLabel {
  readonly #file: string;
  readonly #labels: readonly string[];
  readonly #longest: number;
  #line = 1;
  #begun: string | undefined = '';
  /** The number of the line's label. */
  value = NaN;

  constructor(file: string, labels: readonly string[]) {
    this.#file = file;
    this.#labels = labels;
    this.#longest = Math.max(...labels.map((label) => label.length));
  }

  /** Whether the character belongs to a label or is the tab behind it, and so is none of the text. */
  takes(character: number): boolean {
    if (this.#begun === undefined) {
      if (character === NEWLINE) {
        this.#begun = '';
        this.#line++;
      }
      return false;
    }
    if (character === TAB) {
      this.value = this.#labels.indexOf(this.#begun);
      if (this.value < 0) this.#refuse();
      this.#begun = undefined;
      return true;
    }
    if (character === NEWLINE || this.#begun.length > this.#longest) this.#refuse();
    this.#begun += String.fromCodePoint(character);
    return true;
  }

  /** To be called after the last character. */
  end(): void {
    if (this.#begun) this.#refuse();
  }

  #refuse(): never {
    const facts = { label: this.#begun, known: this.#labels.join(', ') };
    throw new TidecastError('SOURCE_LABEL', { file: this.#file, line: this.#line, ...facts });
  }
}
