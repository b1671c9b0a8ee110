/** The style sheet of the report: light and dark, screen and paper; no font or image is fetched. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1f24; --grey: #6b7280; --soft: #f3f4f6; --line: #d1d5db;
  --blue: #0072b2; --vermillion: #cc5500; --green: #00805c; --purple: #a8467f; --orange: #b07800; --sky: #2b8fca; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --ink: #e8eaed; --grey: #9aa3af; --soft: #1f242a; --line: #3a414a;
    --blue: #4fb0ee; --vermillion: #ff8a3d; --green: #2ec99a; --purple: #e18abb; --orange: #e69f00; --sky: #56b4e9; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 960px; padding: 1.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 3rem 0 .8rem; padding-top: .8rem; border-top: 2px solid var(--line); }
h3 { font-size: 1.05rem; margin: 0 0 .3rem; }
a { color: inherit; text-decoration-color: var(--blue); text-underline-offset: .15em; }
p { margin: .4rem 0; }
.small, figcaption, caption { font-size: .85rem; color: var(--grey); }
.provenance { border-left: 4px solid var(--orange); padding: .2rem .8rem; background: var(--soft); }
figure { margin: 2.2rem 0; }
figcaption { margin-top: .4rem; max-width: 75ch; }
.words { font-weight: 500; max-width: 75ch; }
.panels { display: flex; flex-wrap: wrap; align-items: flex-end; gap: 1rem 1.2rem; }
.panel { flex: 0 1 430px; min-width: 0; }
.panel-title { font-size: .85rem; font-weight: 600; margin: .4rem 0 .1rem; }
svg.plot { display: block; max-width: 100%; height: auto; overflow: visible; fill: currentColor; color: var(--ink);
  --plot-background: var(--page); font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; font-variant-numeric: tabular-nums; }
svg.plot text { white-space: pre; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1.1rem; list-style: none; margin: .4rem 0; padding: 0; font-size: .85rem; }
.legend li { display: flex; align-items: center; gap: .4rem; }
.swatch { flex: none; fill: none; }
.scale { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .6rem; font-size: .85rem; }
.table { overflow-x: auto; margin: .6rem 0; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 400; }
.summary table { font-size: .8rem; }
.summary td { white-space: nowrap; }
.summary thead th { line-height: 1.25; max-width: 8.5rem; }
.summary tbody th { min-width: 6rem; }
.verdict { border: 2px solid var(--grey); border-left-width: 10px; padding: .6rem 1rem; margin: 1rem 0; background: var(--soft); }
.verdict.learned { border-color: var(--green); }
.verdict.not { border-color: var(--vermillion); }
.verdict.cannot-tell { border-style: dashed; }
.answer { font-size: 1.2rem; font-weight: 700; margin: 0; }
.answer span { font-weight: 400; }
.not-found { font-weight: 600; }
.facts { margin: 1rem 0; font-size: .9rem; }
.facts div { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .2rem 0; border-bottom: 1px solid var(--line); }
.facts dt { flex: 0 0 13rem; color: var(--grey); }
.facts dd { flex: 1 1 16rem; margin: 0; min-width: 0; }
nav ol { padding-left: 1.4rem; margin: .3rem 0; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
@media print {
  :root { --page: #ffffff; --ink: #000000; --grey: #4b5563; --soft: #ffffff; --line: #9ca3af; --blue: #0072b2;
    --vermillion: #cc5500; --green: #00805c; --purple: #a8467f; --orange: #b07800; --sky: #2b8fca; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-before: page; }
  section:first-of-type h2 { break-before: auto; }
  h2, h3, .words, .legend { break-after: avoid; }
  figure, .panel, .verdict, tr { break-inside: avoid; }
  .panel { flex-basis: 48%; }
  .table { overflow: visible; }
  .summary table { font-size: 8pt; }
  .summary th, .summary td { padding-right: .3rem; min-width: 0 !important; }
}
`;
