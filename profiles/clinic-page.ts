import type { ProfileKind } from './kinds.js';
import type { Place, SourceNames } from './source-names.js';

/**
 * What stands for varve's directory on clinic's pages: they take a path without `.js` in it for a part of V8, which they
 * hide, and would show whose machine it was.
 */
export const PAGE_ROOT = '/varve.js';

/** A place as clinic's pages understand it: `/varve.js/engine/log/segment.ts`. */
export function pagePath(place: Place, names: SourceNames): string {
  const shown = names.text({ ...place, line: 0 });
  return shown === place.file ? place.file : `${PAGE_ROOT}/${shown}`;
}

const FONTS = 'https://clinicjs.org/assets/css/fonts.css';
/** Doctor puts each snippet of its texts before the first one of the same paragraph, wherever that has gone. */
const LOST_SNIPPET = '.insert("span",".snippet")';
const OWN_SNIPPET = '.insert("span",()=>this)';

/**
 * Clinic's page as it can be looked at: without fonts from a server, and without the error that today's browsers stop
 * doctor's page with. Throws when clinic's page is not the one that this was written for.
 */
export function offlinePage(html: string, kind: ProfileKind): string {
  let page = replaceAll(html, FONTS, 'data:text/css,');
  if (kind === 'doctor') page = replaceAll(page, LOST_SNIPPET, OWN_SNIPPET);
  return page;
}

function replaceAll(text: string, from: string, to: string): string {
  const parts = text.split(from);
  if (parts.length === 1) throw new Error(`clinic's page has no ${from} in it any more`);
  return parts.join(to);
}
