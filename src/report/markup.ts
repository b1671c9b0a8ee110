/** A piece of HTML that is safe to put into a page as it is. */
export interface Markup {
  readonly type: 'markup';
  readonly text: string;
}

/** What may stand in a template: text and numbers are escaped, markup is not, lists are joined. */
export type Content = string | number | Markup | readonly Content[];

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it must be written in HTML, in an element or in a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** A template of HTML: whatever is put in is escaped unless it is markup already, so that no name can become a tag. */
export function markup(parts: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  const text = parts.map((part, i) => part + (i < contents.length ? toText(contents[i]!) : '')).join('');
  return { type: 'markup', text };
}

/** Takes text that is HTML already, e.g. a drawing: nothing is escaped. */
export function trustMarkup(text: string): Markup {
  return { type: 'markup', text };
}

/** Nothing, where a template wants something. */
export const NO_MARKUP: Markup = { type: 'markup', text: '' };

function toText(content: Content): string {
  if (typeof content === 'string') return escapeHtml(content);
  if (typeof content === 'number') return escapeHtml(String(content));
  if ('type' in content) return content.text;
  return content.map(toText).join('');
}
