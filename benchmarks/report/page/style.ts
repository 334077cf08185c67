import { FONT, PALETTES, type Palette } from '../theme.js';

function variables(palette: Palette): string {
  return [
    `--page:${palette.page}`,
    `--card:${palette.card}`,
    `--ink:${palette.ink}`,
    `--quiet:${palette.quiet}`,
    `--line:${palette.line}`,
    `--accent:${palette.accent}`,
    `--good:${palette.good}`,
    `--bad:${palette.bad}`,
    `--missing:${palette.missing}`,
    ...palette.ramp.map((color, at) => `--ramp-${at}:${color}`),
    ...palette.series.map((color, at) => `--series-${at}:${color}`),
  ].join(';');
}

/** The reader's own choice (`data-theme`) wins over the system's. */
const THEMES = `
:root{color-scheme:light;${variables(PALETTES.light)}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${variables(PALETTES.dark)}}}
:root[data-theme=dark]{color-scheme:dark;${variables(PALETTES.dark)}}
`;

const PAGE = `
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%;scroll-padding-top:3.5rem}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 ${FONT};font-variant-numeric:tabular-nums}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:4px}
.skip{position:absolute;left:-9999px}
.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem 1rem;z-index:9}
.wrap{max-width:76rem;margin:0 auto;padding:0 1.25rem}
.strata{display:block;width:100%;height:24px}
header .wrap{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1rem;padding-top:.5rem;padding-bottom:.3rem}
.brand{font-weight:700;letter-spacing:.01em}
.meta{color:var(--quiet);font-size:.875rem;flex:1 1 14rem;overflow-wrap:anywhere}
nav{position:sticky;top:0;z-index:5;background:var(--page);border-bottom:1px solid var(--line)}
nav ul{display:flex;gap:.25rem;margin:0;padding:.35rem 0;list-style:none;overflow-x:auto}
nav a{display:block;padding:.3rem .7rem;color:var(--quiet);text-decoration:none;white-space:nowrap;border-radius:99px;font-size:.9rem}
nav a:hover{background:var(--missing);color:var(--ink)}
h1{font-size:clamp(1.35rem,1.1rem + 1.2vw,2rem);line-height:1.12;letter-spacing:-.02em;margin:.9rem 0 .4rem;text-wrap:balance}
h2{font-size:1.45rem;line-height:1.2;letter-spacing:-.01em;margin:0 0 .3rem}
h3{font-size:1.05rem;margin:1.2rem 0 .3rem}
.asked{color:var(--quiet);font-size:.88rem;line-height:1.4;margin:0 0 .8rem}
.answer{max-width:64ch;margin:0 0 .8rem;padding:0;list-style:none;line-height:1.45}
.answer li{padding:.35rem 0 .35rem .9rem;border-left:3px solid var(--accent)}
.answer .why{color:var(--quiet);font-size:.92rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.8rem;margin:0 0 1.5rem;padding:0}
.lead{display:grid;gap:0 2.5rem}
.lead section.card{margin:0 0 1rem;padding:.9rem 1rem}
@media (min-width:62rem){.lead{grid-template-columns:minmax(0,1fr) minmax(0,1.3fr);align-items:start;gap:0 1.8rem}.lead .tiles{grid-template-columns:1fr 1fr}}
.progress{height:.6rem;background:var(--missing);border-radius:99px;overflow:hidden;margin:0 0 1.2rem}
.progress i{display:block;height:100%;background:var(--accent)}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.8rem 1rem;margin:0}
.tile dt{font-size:.82rem;color:var(--quiet)}
.tile dd{margin:0}
.tile .big{font-size:1.6rem;font-weight:700;line-height:1.25;letter-spacing:-.01em}
.tile .small{font-size:.82rem;color:var(--quiet);display:block;line-height:1.35}
section.card{background:var(--card);border:1px solid var(--line);border-radius:16px;padding:1.3rem 1.4rem;margin:1.3rem 0}
@media (max-width:560px){.wrap{padding:0 .75rem}section.card{padding:1rem .85rem;border-radius:12px}.meta{flex-basis:100%;order:1}nav ul{mask-image:linear-gradient(90deg,#000 88%,transparent)}}
.help{color:var(--quiet);max-width:75ch;margin:.2rem 0 .9rem;font-size:.95rem}
figure{margin:0}
figure+details{margin-top:.5rem}
.controls{display:flex;flex-wrap:wrap;gap:.5rem .9rem;margin:0 0 .8rem;align-items:flex-end}
.controls>label{min-width:0;max-width:100%}
.controls fieldset{border:0;margin:0;padding:0;min-width:0}
.controls legend,.controls .label{font-size:.78rem;color:var(--quiet);padding:0;display:block;margin-bottom:.15rem}
.segments{display:inline-flex;flex-wrap:wrap;border:1px solid var(--line);border-radius:9px;overflow:hidden;background:var(--page)}
.segments label{position:relative;cursor:pointer}
.segments input{position:absolute;opacity:0;inset:0;margin:0;cursor:pointer}
.segments span{display:block;padding:.3rem .7rem;font-size:.88rem;min-height:2rem}
.segments input:checked+span{background:var(--accent);color:var(--card);font-weight:600}
.segments input:focus-visible+span{outline:3px solid var(--accent);outline-offset:-3px;text-decoration:underline}
select,button.plain{font:inherit;font-size:.88rem;color:var(--ink);background:var(--page);border:1px solid var(--line);border-radius:9px;padding:.3rem .7rem;min-height:2.1rem;cursor:pointer;max-width:100%}
button.plain:hover{border-color:var(--accent)}
.chart{width:100%;position:relative}
.tools{display:flex;flex-wrap:wrap;gap:.5rem;margin-top:.5rem}
.held{color:var(--quiet);font-weight:400;font-size:.9rem;margin:0}
.price-bar{display:block;height:.45rem;margin-top:.25rem;background:var(--missing);border-radius:3px;width:11rem;max-width:40vw}
.price-bar i{display:block;height:100%;background:var(--accent);border-radius:3px}
.prices th.step{color:var(--ink);font-size:.92rem}
.picture{overflow-x:auto}
.words{margin:0 0 1rem}
.fit{font-size:.92rem;color:var(--quiet);margin:.6rem 0 0}
details>summary{cursor:pointer;color:var(--accent);font-size:.92rem;padding:.35rem 0}
.table-box{overflow-x:auto;max-width:100%;border:1px solid var(--line);border-radius:10px;margin:.5rem 0}
.table-box.tall{max-height:34rem;overflow-y:auto}
table{border-collapse:collapse;width:100%;font-size:.88rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.4rem .7rem;border-bottom:1px solid var(--line);white-space:nowrap;text-align:left;vertical-align:top}
tbody tr:last-child>*{border-bottom:0}
tbody tr:hover td{background:var(--page)}
th{color:var(--quiet);font-weight:600;font-size:.8rem;background:var(--card);position:sticky;top:0}
th.right,td.right{text-align:right}
td.wrap-text{white-space:normal;min-width:16rem}
button.sort{all:unset;cursor:pointer}
button.sort:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
html:not(.js) .js-only{display:none!important}
html.js .no-js{display:none!important}
.knobs{display:grid;gap:.9rem;margin:0;padding:0;list-style:none}
.knob{display:grid;grid-template-columns:9.5rem 1fr;gap:.1rem 1rem;align-items:center}
.knob .name{font-weight:600}
.bar{display:flex;align-items:center;gap:.6rem}
.bar i{display:block;height:1.15rem;border-radius:4px;background:var(--accent);min-width:3px}
.knob.unknown .bar i{display:none}
.knob.none .bar i{background:var(--line)}
.knob.some .bar i{background:var(--ramp-3)}
.bar b{white-space:nowrap}
.knob p{grid-column:2;margin:0;color:var(--quiet);font-size:.92rem}
@media (max-width:560px){.tiles{grid-template-columns:1fr 1fr}.tile{padding:.65rem .75rem}.tile .big{font-size:1.3rem}.knob{grid-template-columns:1fr}.knob p{grid-column:1}}
dl.facts{display:grid;grid-template-columns:minmax(8rem,auto) 1fr;gap:.25rem 1.2rem;margin:.5rem 0;font-size:.92rem}
dl.facts dt{color:var(--quiet)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
.notice{border-left:4px solid var(--bad);padding:.35rem .9rem;background:var(--card);margin:.6rem 0;border-radius:0 8px 8px 0}
footer{color:var(--quiet);font-size:.9rem;padding:1rem 0 3rem}
@media print{nav,.tools,.controls,.theme{display:none}section.card{break-inside:avoid;border:0;padding:0}}
`;

export const STYLE = `${THEMES}${PAGE}`;
