import { escaped } from './elements.js';
import { STYLE } from './style.js';

export interface Page {
  readonly title: string;
  readonly header: string;
  readonly links: readonly (readonly [id: string, name: string])[];
  readonly main: string;
  /** Script elements that are data. */
  readonly data: string;
  readonly script: string;
  readonly footer: string;
}

/** The frame of every page of the suite. */
export function pageOf({ title, header, links, main, data, script, footer }: Page): string {
  const nav =
    links.length === 0
      ? ''
      : `<nav aria-label="Parts of the report"><div class="wrap"><ul>${links.map(([id, name]) => `<li><a href="#${id}">${escaped(name)}</a></li>`).join('')}</ul></div></nav>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<script>document.documentElement.classList.add('js')</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${header}
${nav}
<main id="main" class="wrap">
${main}
</main>
<footer class="wrap">${escaped(footer)}</footer>
${data}
<script>${script.replaceAll('</script', '<\\/script')}</script>
</body>
</html>
`;
}

/** Layers of sediment, as a varve is. Decoration. */
export function strata(): string {
  const layers = [
    'M0 20C180 6 330 30 520 18S860 4 1020 20s280 8 420-6v90H0z',
    'M0 34C200 22 360 46 560 34s340-10 520 4 240 2 360-8v80H0z',
    'M0 46C160 40 380 58 600 46s320-4 480 6 260-6 360-4v70H0z',
    'M0 56C240 52 420 66 640 57s340-2 500 3 200-4 300-4v60H0z',
  ];
  const paths = layers.map((path, at) => `<path d="${path}" fill="var(--ramp-${at + 1})"/>`);
  return `<svg class="strata" viewBox="0 0 1440 64" preserveAspectRatio="none" aria-hidden="true" focusable="false">${paths.join('')}</svg>`;
}
