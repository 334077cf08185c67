import { pageOf, strata } from '../report/page/shell.js';

/** The page of a run that goes on; everything in it comes by events. */
export function livePage(clientScript: string): string {
  return pageOf({
    title: 'varve bench: live',
    header: `<header>${strata()}<div class="wrap"><span class="brand">varve bench</span><span class="meta" id="name">waiting for the run</span><button type="button" class="plain theme js-only" data-theme-toggle>Dark theme</button></div></header>`,
    links: [],
    main: `<noscript><p class="notice">This page needs JavaScript; the terminal shows the same.</p></noscript>
<h1 id="title">Starting</h1>
<p class="asked" id="status" role="status" aria-live="polite">Connecting</p>
<div class="progress" id="progress" role="progressbar" aria-label="Runs of cells" aria-valuemin="0" aria-valuemax="0" aria-valuenow="0"><i></i></div>
<dl class="tiles"><div class="tile"><dt>Produced</dt><dd><span class="big" id="rate">\u2013</span><span class="small" id="records">records/s</span></dd></div>
<div class="tile"><dt>Publish p50</dt><dd><span class="big" id="p50">\u2013</span><span class="small">of the last quarter of a second</span></dd></div>
<div class="tile"><dt>Publish p99</dt><dd><span class="big" id="p99">\u2013</span><span class="small">of the last quarter of a second</span></dd></div>
<div class="tile"><dt>Remaining</dt><dd><span class="big" id="left">\u2013</span><span class="small" id="done"></span></dd></div></dl>
<section class="card" aria-labelledby="rate-title"><h2 id="rate-title">Rate of this cell, MB/s</h2><figure><div class="chart" id="rate-chart" role="img" aria-label="no figures yet"></div></figure></section>
<section class="card" aria-labelledby="latency-title"><h2 id="latency-title">Publish latency of this cell, ms</h2><figure><div class="chart" id="latency-chart" role="img" aria-label="no figures yet"></div></figure></section>
<section class="card" aria-labelledby="measured-title"><h2 id="measured-title">Measured so far</h2>
<div class="table-box tall" tabindex="0" role="region" aria-label="Measured so far"><table id="measured"><thead><tr><th scope="col">cell</th><th scope="col" class="right">repeat</th><th scope="col" class="right">produced (MB/s)</th><th scope="col" class="right">p50 (ms)</th><th scope="col" class="right">p99 (ms)</th></tr></thead><tbody></tbody></table></div>
<div id="failures"></div></section>`,
    data: '',
    script: clientScript,
    footer: 'Made by varve bench on this machine. It listens to this machine only.',
  });
}
