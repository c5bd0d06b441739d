/**
 * The one style sheet of the portal: light, dark and print; from telephones to walls; without a font or picture to load.
 *
 * @see WCAG 2.2 §1.4.3, §1.4.11 and §2.4.7; TLP 2.0 (colours, and labels on every sheet)
 */
import { type Tlp, tlpLabels } from "../../model.ts";
import { figureStyles } from "./charts/styles.ts";

/** Colours on black. */
const tlpColours: Readonly<Record<Tlp, string>> = {
  CLEAR: "#fff",
  GREEN: "#33ff00",
  AMBER: "#ffc000",
  "AMBER+STRICT": "#ffc000",
  RED: "#ff2b2b",
};

/** Each label on its page, and on every printed sheet at the top and bottom right. */
const tlpStyle = tlpLabels
  .map((label) => {
    const page = `tlp-${label.toLowerCase().replace("+", "-")}`;
    const box = `{content:"TLP:${label}";color:#000;font:700 9pt system-ui,sans-serif}`;
    return `[data-tlp="${label}"]{page:${page}}
[data-tlp="${label}"] .tlp{color:${tlpColours[label]}}
@page ${page}{@top-right${box}@bottom-right${box}}`;
  })
  .join("\n");

/** Served as one file. */
export const portalStyle = `:root{
color-scheme:light dark;
--page:light-dark(#fff,#15181d);--card:light-dark(#f6f7f9,#1c2027);
--ink:light-dark(#1b1d21,#e8eaed);--quiet:light-dark(#535963,#a7adb6);--line:light-dark(#d4d8de,#3a404a);
--link:light-dark(#0b5a96,#7dbdf2);--good:light-dark(#145c33,#7fd8a1);--bad:light-dark(#a3261c,#ff9a8f);--note:light-dark(#5a4a0b,#e5c869)}
*{box-sizing:border-box}
html{background:var(--page);color:var(--ink);-webkit-text-size-adjust:100%}
body{font:1rem/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:0 1rem 4rem;overflow-wrap:break-word}
a{color:var(--link);text-underline-offset:.15em}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
main:focus{outline:none}
.skip{position:absolute;left:-100vw;background:var(--page);padding:.5rem 1rem;z-index:1}
.skip:focus{left:1rem;top:.25rem}
header{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 2rem;border-bottom:1px solid var(--line);padding:.75rem 0}
header p{margin:0}
.issuer a{font-weight:600;color:inherit;text-decoration:none}
.issuer a:hover{text-decoration:underline}
nav ul,nav ol{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:0}
nav a[aria-current]{color:inherit;font-weight:600;text-decoration:none;border-bottom:2px solid currentColor}
.who{margin-left:auto;display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center}
button{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--quiet);border-radius:4px;padding:.3rem .9rem;cursor:pointer;min-height:2rem}
button:hover{border-color:var(--ink)}
.path{margin-top:1rem;font-size:.9rem}
.path li::after{content:"›";color:var(--quiet);margin-left:.6rem}
.path ol{gap:.6rem}
h1{font-size:1.75rem;line-height:1.25;margin:1.25rem 0 .5rem;text-wrap:balance}
.path+h1,.tlp+h1{margin-top:.25rem}
h2{font-size:1.25rem;line-height:1.3;margin:2.25rem 0 .5rem}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0;max-width:44rem}
.lead{color:var(--quiet);margin-bottom:1.25rem}
.quiet{color:var(--quiet);font-size:.9rem}
.strong{font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem;align-items:start}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:1rem 1.25rem;margin:1rem 0;min-width:0}
.cards .card{margin:0}
.card h2{margin-top:0}
.card h2+.quiet{margin-top:-.25rem}
.card h2 a{color:inherit;text-decoration-thickness:1px}
.badge{font-size:.9rem;border:1px solid currentColor;border-radius:1rem;padding:.05rem .65rem;display:inline-block;color:var(--quiet)}
.badge.good{color:var(--good)}
.badge.bad{color:var(--bad)}
.badge.note{color:var(--note)}
.badge a{color:inherit}
.tlp{display:inline-block;background:#000;font-weight:700;font-size:.9rem;padding:.1rem .6rem;margin:.5rem 0 0;print-color-adjust:exact}
.notice,[role=alert]{border-left:4px solid var(--note);background:var(--card);padding:.6rem 1rem}
.notice.bad,[role=alert]{border-color:var(--bad)}
dl{margin:.5rem 0}
dl>div{display:grid;grid-template-columns:minmax(8rem,12rem) minmax(0,1fr);gap:0 1rem;padding:.3rem 0;border-bottom:1px solid var(--line)}
dl>div:last-child{border-bottom:0}
dt{color:var(--quiet)}
dd{margin:0}
dl>dd{margin-bottom:.5rem}
dd ul{margin:0;padding-left:1.1rem}
.files{list-style:none;padding:0}
.files a{overflow-wrap:anywhere}
code{font:.9em/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
.digest{font-size:.8em}
.fingerprint{font:1.25em/1.5 ui-monospace,monospace}
.wide{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;min-width:min(100%,28rem);font-variant-numeric:tabular-nums}
caption span{display:block;max-width:calc(100vw - 2rem)}
caption{text-align:left;color:var(--quiet);font-size:.9rem;padding-bottom:.35rem}
td,th{border-bottom:1px solid var(--line);padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top}
th{font-weight:600}
thead th{font-size:.9rem;color:var(--quiet);white-space:nowrap}
tbody th{font-weight:500}
td ul{margin:0;padding-left:1.1rem}
td .files{padding:0}
td time,td .badge,th time{white-space:nowrap}
td .digest,th .digest{white-space:nowrap}
.number{white-space:nowrap}
.n{text-align:right;white-space:nowrap}
.ways{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin-top:1rem}
summary{cursor:pointer;margin:1.25rem 0 .5rem;color:var(--link)}
details[open]>summary{margin-bottom:0}
label{display:block}
@media (max-width:34rem){
h1{font-size:1.4rem}
.who{margin-left:0}
.card{padding:.75rem 1rem}
dl>div{grid-template-columns:minmax(0,1fr)}
}
@media print{
:root{color-scheme:light;--card:#fff}
@page{margin:15mm}
body{max-width:none;padding:0;font-size:10pt}
.skip,.who,header nav,.path,.ways{display:none}
a{color:inherit;text-decoration:none}
.wide{overflow:visible}
td .digest,th .digest{white-space:normal}
.card,tr,dl>div{break-inside:avoid}
h2,h3,caption{break-after:avoid}
thead{display:table-header-group}
details::details-content{content-visibility:visible;block-size:auto}
}
${tlpStyle}
${figureStyles}`;
