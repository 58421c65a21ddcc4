/** The demo's style sheet. Colours have a contrast of 4.5 or more against what they stand on, light and dark. */
export const style = `:root {
  color-scheme: light dark;
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  --page: #f1f3f8; --card: #fff; --ink: #1a2233; --soft: #566074; --line: #d5dae4;
  --accent: #2f4f94; --on-accent: #fff; --good: #1c6b3c; --bad: #a1260d; --code: #f5f6fa;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10141d; --card: #1a202c; --ink: #e9ecf3; --soft: #a8b2c5; --line: #343d4e;
    --accent: #9db9f5; --on-accent: #101726; --good: #7fd6a0; --bad: #ff9d88; --code: #131823;
  }
}
*, ::before, ::after { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; background: var(--page); color: var(--ink) }
header, main { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem }
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between; padding-block: .9rem }
.brand { display: flex; align-items: center; gap: .55rem; font-weight: 700; color: inherit; text-decoration: none }
.brand span { font-weight: 400; color: var(--soft) }
.who { display: flex; flex-wrap: wrap; gap: .9rem; align-items: center }
.who form { margin: 0 }
h1 { margin: .2rem 0 .3rem; font-size: clamp(1.5rem, 1.1rem + 1.6vw, 2.1rem); line-height: 1.15; letter-spacing: -.015em }
h2 { margin: 0 0 .6rem; font-size: 1.05rem }
p { margin: 0 0 .6rem }
.lead > p { color: var(--soft) }
.narrow { max-width: 40rem; padding-top: 2rem }

.path { display: grid; grid-template-columns: repeat(3, 1fr); gap: 1.6rem; margin: 1rem 0; padding: 0; list-style: none }
.path li { position: relative; padding: .6rem .9rem; background: var(--card); border: 1px solid var(--line); border-radius: .7rem }
.path li + li::before { content: "→"; content: "→" / ""; position: absolute; left: -1.35rem; top: 50%; translate: 0 -50%; color: var(--soft) }
.path .gate { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent) }
.path b, .path span { display: block }
.path span { font-size: .88rem; color: var(--soft) }

.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; padding-bottom: 1.5rem }
.last { grid-column: 1 / -1 }
.card { padding: 1rem 1.15rem; background: var(--card); border: 1px solid var(--line); border-radius: .9rem; min-width: 0 }
.wide { margin: 0 0 1rem; display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center }
.note { font-size: .86rem; color: var(--soft) }

button, .button { display: inline-block; padding: .5rem .9rem; font: inherit; font-weight: 600; line-height: 1.3; color: var(--on-accent); background: var(--accent);
  border: 1px solid var(--accent); border-radius: .55rem; text-decoration: none; cursor: pointer }
button.quiet { color: var(--accent); background: transparent }
button:hover, .button:hover { filter: brightness(1.12) }
button[aria-disabled=true] { opacity: .6; cursor: default }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; margin-bottom: .6rem }
a { color: var(--accent) }
a.button { color: var(--on-accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .3rem }
.check { display: flex; gap: .5rem; align-items: baseline; margin-bottom: .6rem; font-size: .93rem }
.check input { accent-color: var(--accent) }
.links { margin: 0; padding-left: 1.1rem; columns: 2 28rem; column-gap: 2rem }
.links li { margin-bottom: .3rem; break-inside: avoid }

.clock { display: grid; grid-template-columns: 1fr auto; gap: .1rem 1rem; align-items: baseline; margin-bottom: .7rem }
.clock progress, .clock .note { grid-column: 1 / -1 }
.name { font-weight: 600 }
.left { font-variant-numeric: tabular-nums; font-weight: 600 }
progress { width: 100%; height: .5rem; appearance: none; border: 0; border-radius: 1rem; overflow: hidden; background: var(--line) }
progress::-webkit-progress-bar { background: var(--line) }
progress::-webkit-progress-value { background: var(--accent) }
progress::-moz-progress-bar { background: var(--accent) }

#answer pre { margin: .3rem 0 0; padding: .6rem .75rem; max-height: 9rem; overflow: auto; font: .84rem/1.45 ui-monospace, Menlo, Consolas, monospace; background: var(--code); border: 1px solid var(--line); border-radius: .5rem; white-space: pre-wrap; overflow-wrap: anywhere }
.good, .bad { margin: 0; font-weight: 600 }
.good { color: var(--good) }
.bad { color: var(--bad) }
table { width: 100%; border-collapse: collapse; font-size: .86rem }
th, td { padding: .22rem .5rem .22rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { font-weight: 500 }
td:last-child { white-space: nowrap }
td:last-child { text-align: right; padding-right: 0 }
@media (max-width: 44rem) { .path { grid-template-columns: 1fr; gap: 1.5rem } .path li + li::before { content: "↓"; content: "↓" / ""; left: 1rem; top: -.8rem } }
@media (scripting: none) { .needs-script { display: none } }
@media (forced-colors: active) { progress::-webkit-progress-value { background: Highlight } .card, .path li { border-color: CanvasText } }
`
