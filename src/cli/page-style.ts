/** The colours by name, light and dark. */
export const COLOURS = `:root { color-scheme: light dark; --paper: #fdfdfc; --card: #f4f4f1; --ink: #1d1d1b; --soft: #63635e; --grid: #e4e4df; --line: #d4d4cd;
  --output: #2667c9; --naive: #8b8b84; --mark: #a3701a; --bad: #c0353a; --good: #1a7a4c;
  --m0: #1c9a6c; --m1: #d08a00; --m2: #6a4fc4; --m3: #d4547f; --m4: #0f93a8; --m5: #b5541c; --m6: #7d8b1e;
  --s0: #2667c9; --s1: #d08a00; --s2: #1c9a6c; --s3: #6a4fc4; --s4: #d4547f; --s5: #0f93a8; }
@media (prefers-color-scheme: dark) { :root { --paper: #161615; --card: #20201e; --ink: #ecece6; --soft: #a3a39b; --grid: #2c2c29; --line: #3a3a36;
  --output: #6ba3f5; --naive: #8f8f87; --mark: #d7a44e; --bad: #f0767a; --good: #58c28d;
  --m0: #3fc492; --m1: #e3aa3d; --m2: #a594f0; --m3: #ee88ab; --m4: #47c2d6; --m5: #e28a58; --m6: #b4c24e;
  --s0: #6ba3f5; --s1: #e3aa3d; --s2: #3fc492; --s3: #a594f0; --s4: #ee88ab; --s5: #47c2d6; } }`;

/** The style sheet of the report: light and dark, wide and narrow, screen and paper. */
export const STYLE = `
${COLOURS}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 66rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.6rem 0 .4rem; font-size: 1.2rem; }
h3 { margin: 1.4rem 0 .2rem; font-size: 1rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, figcaption, .tiles small { color: var(--soft); }
figcaption { font-size: .85rem; max-width: 46rem; overflow-wrap: anywhere; }
figure { margin: .6rem 0 1.4rem; }
svg { display: block; width: 100%; height: auto; font-family: inherit; overflow: visible; }
.narrow { display: none; }
.tiles { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: .6rem; margin: 1.2rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; }
.tiles b { display: block; font-size: 1.35rem; line-height: 1.25; white-space: nowrap; font-variant-numeric: tabular-nums; }
.tiles small { font-size: .8rem; line-height: 1.3; display: block; }
ul.said { margin: .5rem 0; padding-left: 1.1rem; max-width: 46rem; } ul.said li { margin: .25rem 0; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: .3rem 0; padding: 0; list-style: none; font-size: .85rem; }
.legend i { display: inline-block; width: 1rem; height: .25rem; border-radius: 2px; margin-right: .4rem; vertical-align: middle; }
.scroll { overflow-x: auto; margin: .6rem 0 1rem; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--grid); }
th { white-space: normal; vertical-align: bottom; font-weight: 600; color: var(--soft); border-bottom-color: var(--line); }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); } .text th, .text td { text-align: left; }
.facts td { white-space: normal; overflow-wrap: anywhere; } .facts td:first-child { white-space: nowrap; color: var(--soft); vertical-align: top; }
tr.own td { font-weight: 650; }
.better { color: var(--good); } .worse { color: var(--bad); }
details { margin: .6rem 0; } summary { cursor: pointer; }
pre { background: var(--card); border-radius: .5rem; padding: .8rem 1rem; overflow-x: auto; font-size: .8rem; line-height: 1.45; }
code { overflow-wrap: anywhere; font-size: .85em; }
@media (max-width: 40rem) { .wide { display: none; } .narrow { display: block; } body { padding: 1rem .9rem 3rem; } h1 { font-size: 1.4rem; }
  .tiles { gap: .4rem; } .tiles li { padding: .45rem .5rem; } .tiles b { font-size: .95rem; white-space: normal; } .tiles small { font-size: .72rem; } }
@media print { :root { --paper: #fff; --card: #f4f4f1; } body { max-width: none; padding: 0; font-size: 10.5pt; } .wide { display: block; } .narrow { display: none; }
  figure, .tiles li, tr { break-inside: avoid; } h2, h3, summary { break-after: avoid; } .scroll { overflow: visible; }
  /* plots small enough for three or four a page: what does not fit leaves little of a page empty; no row of a table alone */
  svg { width: 88%; } figure { margin: .3rem 0 .9rem; } h2 { margin-top: 1.5rem; } h3 { margin-top: .8rem; }
  tbody tr:nth-child(-n+2) { break-after: avoid; } tbody tr:nth-last-child(-n+2) { break-before: avoid; } table { font-size: 8pt; } th, td { padding: .15rem .4rem; }
  details::details-content { content-visibility: visible; display: block; } pre { white-space: pre-wrap; } @page { margin: 14mm; } }
${[
  'output',
  'naive',
  'mark',
  'bad',
  'ink',
  ...Array.from({ length: 7 }, (_, i) => `m${i}`),
  ...Array.from({ length: 6 }, (_, i) => `s${i}`),
]
  .map((name) => `.c-${name} { background: var(--${name}); }`)
  .join('\n')}
`;
