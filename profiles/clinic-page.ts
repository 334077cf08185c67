import type { ProfileKind } from './kinds.js';

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
