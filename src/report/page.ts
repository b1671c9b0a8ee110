import { markup, trustMarkup, type Content } from './markup.js';
import { PAGE_STYLE } from './page-style.js';

/** Nothing is loaded, run or sent: only the page's own style. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A whole HTML page. */
export function renderPage(title: string, body: Content): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trustMarkup(CONTENT_POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${trustMarkup(PAGE_STYLE)}</style>
</head>
<body>
${body}</body>
</html>
`.text;
}
