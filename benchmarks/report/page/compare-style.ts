/** What a comparison has that a report has not: ratios with their intervals in the cells of a table. */
export const COMPARE_STYLE = `
.forest{position:relative;display:block;width:16rem;max-width:45vw;height:1.3rem;background:linear-gradient(var(--quiet),var(--quiet)) center/1px 100% no-repeat,var(--page);border-radius:4px}
.forest i{position:absolute;top:.55rem;height:.2rem;min-width:2px;background:currentColor}
.forest b{position:absolute;top:.35rem;width:.6rem;height:.6rem;margin-left:-.3rem;border-radius:50%;background:currentColor}
tr.better .forest,tr.better .verdict{color:var(--good)}
tr.worse .forest,tr.worse .verdict{color:var(--bad)}
tr.worse .forest b{border-radius:1px}
tr.no-significant-difference .forest,tr.cannot-tell .forest,tr.no-significant-difference .verdict,tr.cannot-tell .verdict{color:var(--quiet)}
.verdict{font-weight:600;white-space:nowrap}
`;
