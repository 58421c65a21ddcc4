/** /assets/demo.js: the buttons that call the API. Runs in the browser, so it is kept as text. */
export const callsScript = `
import { refreshSession } from './clocks.js'
import { searchForTokens } from './search.js'

const answer = document.getElementById('answer')
const repeat = document.getElementById('repeat')
const items = ['Lantern', 'Compass', 'Oilskin', 'Chart', 'Anchor']

for (const button of document.querySelectorAll('[data-call]')) {
  button.addEventListener('click', () => call(...button.dataset.call.split(' ')))
}
repeat.addEventListener('change', () => repeat.checked && call('GET', '/api/orders'))
setInterval(() => repeat.checked && call('GET', '/api/orders'), 5000)
document.getElementById('look').addEventListener('click', searchForTokens)

async function call(method, path) {
  const request = { method, headers: { accept: 'application/json' } }
  if (method === 'POST') {
    request.headers['content-type'] = 'application/json'
    request.body = JSON.stringify({ item: items[Math.floor(Math.random() * items.length)] })
  }
  try {
    const response = await fetch(path, request)
    const body = await response.json().catch(() => null)
    show(method + ' ' + path, response, body)
    if (response.status === 401) repeat.checked = false
  } catch {
    answer.replaceChildren(element('p', 'bad', 'The gateway did not answer. Is the demo still running?'))
    repeat.checked = false
  }
  await refreshSession().catch(() => {})
}

function show(what, response, body) {
  const verdict = element('p', response.ok ? 'good' : 'bad', what + ': ' + response.status + ' ' + explain(response, body))
  const pre = element('pre', '', format(body))
  pre.tabIndex = 0
  pre.setAttribute('role', 'region')
  pre.setAttribute('aria-label', 'Body of the answer')
  answer.replaceChildren(verdict, pre)
}

/** One line for each order. */
function format(body) {
  return JSON.stringify(body, null, 1).replace(/\\n {3,}/g, ' ').replace(/\\n {2}([\\]}])/g, ' $1')
}

function explain(response, body) {
  const code = response.headers.get('sallyport-error')
  if (response.ok) return 'The API took the gateway’s token.'
  if (code === null) return 'The API refused.'
  return 'The gateway refused (' + code + '): ' + (body?.title ?? '') + '.'
}

function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  made.textContent = text
  return made
}
`
