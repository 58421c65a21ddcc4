/** Each colour for light and for dark; the tests hold every pair that is read together to WCAG AA. */
export const colours = {
  light: {
    ground: '#f4f6f8',
    card: '#ffffff',
    ink: '#1b2430',
    quiet: '#566270',
    line: '#d7dde4',
    act: '#1f5aa8',
    'on-act': '#ffffff',
    focus: '#a84f00',
  },
  dark: {
    ground: '#11161c',
    card: '#19212a',
    ink: '#e7ecf1',
    quiet: '#a5b1be',
    line: '#33404d',
    act: '#8fbcff',
    'on-act': '#0c1622',
    focus: '#ffb866',
  },
} as const

/**
 * The one style sheet of all pages, written into each. Lengths are in rem and the layout is one column, so that
 * 200 % zoom and a 320 px window need no sideways scrolling.
 */
export const styles = `
:root{color-scheme:light dark;${declare(colours.light)}}
@media (prefers-color-scheme:dark){:root{${declare(colours.dark)}}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;justify-content:center;gap:1.5rem;padding:1.5rem 1rem;background:var(--ground);color:var(--ink);font:1rem/1.6 system-ui,sans-serif}
header{font-weight:600;text-align:center;overflow-wrap:anywhere}
header img{display:block;max-width:100%;max-height:3rem;margin:0 auto .5rem}
main{width:100%;max-width:28rem;padding:1.75rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem;overflow-wrap:anywhere}
h1{margin:0 0 .75rem;font-size:1.375rem;line-height:1.3}
p{margin:0 0 1rem}
main>:last-child{margin-bottom:0}
a{color:var(--act)}
ul{margin:0 0 1rem;padding:0;list-style:none}
li+li{margin-top:.75rem}
form{margin:0 0 1rem}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;margin:1.25rem 0 0}
.button{display:inline-block;padding:.625rem 1.125rem;border:1px solid var(--act);border-radius:.5rem;background:var(--act);color:var(--on-act);font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
.button:hover{text-decoration:underline}
.wide{display:block}
:focus-visible{outline:3px solid var(--focus);outline-offset:3px}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1.25rem 0 0;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem;color:var(--quiet)}
dd{margin:0;font-family:ui-monospace,monospace}
main:has(.sessions){max-width:44rem}
h2{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:center;margin:0;font-size:1.0625rem;line-height:1.4}
.mark{padding:0 .5rem;border:1px solid;border-radius:1rem;font-size:.8125rem;color:var(--act)}
.sessions{margin:1.25rem 0}
.sessions li{display:flex;flex-direction:column;gap:.5rem;margin:0;padding:1.25rem 0;border-top:1px solid var(--line)}
.sessions li:last-child{border-bottom:1px solid var(--line)}
.sessions dl{margin:0;padding:0;border:0}
.sessions dd{font-family:inherit;color:var(--ink)}
.sessions form{margin:.5rem 0 0}
.plain{background:none;color:var(--act)}
@media (min-width:40rem){.sessions li{display:grid;grid-template-columns:1fr auto;column-gap:1.5rem}.sessions h2{grid-column:1/-1}.sessions form{margin:0;align-self:end}}
.matching strong{font:600 1.25rem ui-monospace,monospace;letter-spacing:.1em}
.code{width:100%;padding:.625rem .75rem;border:1px solid var(--quiet);border-radius:.5rem;background:var(--card);color:var(--ink);font:600 1.25rem ui-monospace,monospace;letter-spacing:.1em;text-transform:uppercase}
label,legend{font-weight:600}
fieldset{margin:1.25rem 0 0;padding:0;border:0}
legend{padding:0}
.approval+p{margin-top:1.25rem}
.field{font:inherit;color:var(--ink);background:var(--card);border:1px solid var(--quiet);border-radius:.5rem;padding:.5rem .75rem;width:100%}
.hint,.fault{display:block;font-size:.875rem}
.hint{color:var(--quiet)}
.fault{font-weight:600}
.fields>p,.fields>fieldset{margin:1.25rem 0 0}
textarea{resize:vertical}
code,.handle{font-family:ui-monospace,monospace}
fieldset label{display:block;padding:.25rem 0;font-weight:400}
.approval dd{font-family:inherit;color:var(--ink)}
.armed{animation:arm .5s}
@keyframes arm{from,to{pointer-events:none}}
footer{font-size:.875rem;color:var(--quiet);text-align:center}
@media (forced-colors:active){.button{border-color:LinkText}}
`

function declare(palette: Readonly<Record<string, string>>): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(';')
}
