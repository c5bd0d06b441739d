/** The one style sheet of the portal: light, dark and print. */
import { figureStyles } from "./charts/styles.ts";

export const portalStyle = `:root{color-scheme:light dark;--line:#8886;--quiet:color-mix(in srgb,currentColor 65%,transparent)}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:0 1rem 4rem;overflow-wrap:break-word}
header{display:flex;justify-content:space-between;align-items:center;gap:1rem;border-bottom:1px solid var(--line)}
.skip{position:absolute;left:-100vw}
.skip:focus{left:1rem}
table{border-collapse:collapse}
td,th{border-bottom:1px solid var(--line);padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top}
dd{margin:0 0 .5rem}
.fingerprint{font:1.25em/1.5 ui-monospace,monospace}
@media print{header form,.skip{display:none}a{color:inherit}}
${figureStyles}`;
