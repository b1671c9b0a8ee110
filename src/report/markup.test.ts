import { describe, expect, it } from 'vitest';
import { escapeHtml, markup, trustMarkup } from './markup.js';

describe('markup', () => {
  it('escapes text in elements and attributes', () => {
    const name = `<img src=x onerror="a('&')">`;
    const escaped = '&lt;img src=x onerror=&quot;a(&#39;&amp;&#39;)&quot;&gt;';
    expect(escapeHtml(name)).toBe(escaped);
    expect(markup`<p title="${name}">${name}</p>`.text).toBe(`<p title="${escaped}">${escaped}</p>`);
  });

  it('leaves markup as it is, joins lists and writes numbers', () => {
    const cells = ['a', '<b>', 3].map((cell) => markup`<td>${cell}</td>`);
    expect(markup`<tr>${cells}${[trustMarkup('<td/>'), ['&']]}</tr>`.text).toBe(
      '<tr><td>a</td><td>&lt;b&gt;</td><td>3</td><td/>&amp;</tr>',
    );
  });
});
