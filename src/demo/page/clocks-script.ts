/**
 * /assets/clocks.js: asks /auth/session who is signed in, and shows the session's clocks.
 * Asking does not extend the session. Runs in the browser, so it is kept as text.
 */
export const clocksScript = `
const clocks = ['access', 'idle', 'absolute'].map(id => ({
  id, endsAt: 0, spanMs: 1, left: document.getElementById(id + '-left'), bar: document.getElementById(id + '-bar'),
}))
const spent = { access: 'run out: the next call renews it', idle: 'over', absolute: 'over' }
let refreshedAt = null
let renewals = 0
let isSignedIn = false

/** Asks the gateway anew. The answer is also what the search for tokens looks through. */
export async function refreshSession() {
  const response = await fetch('/auth/session', { headers: { accept: 'application/json' } })
  const session = await response.json()
  show(session)
  return session
}

function show(session) {
  isSignedIn = session.authenticated
  for (const part of document.querySelectorAll('[data-when]')) part.hidden = (part.dataset.when === 'signed-in') !== isSignedIn
  document.getElementById('session-clocks').hidden = !isSignedIn
  document.getElementById('session-note').hidden = isSignedIn
  if (!isSignedIn) {
    refreshedAt = null
    renewals = 0
    return
  }
  document.getElementById('person').textContent = session.user.name ?? session.user.sub
  const { tokens, server_time: serverTime } = session
  const age = Date.parse(serverTime) - Date.parse(tokens.refreshed_at)
  setClock('access', tokens.access_expires_in * 1000, tokens.access_expires_in * 1000 + age)
  setClock('idle', session.session.idle_expires_in * 1000)
  const whole = Date.parse(session.session.absolute_expires_at) - Date.parse(session.session.created_at)
  setClock('absolute', session.session.absolute_expires_in * 1000, whole)
  noteRenewal(tokens.refreshed_at)
  tick()
}

function setClock(id, leftMs, spanMs) {
  const clock = clocks.find(one => one.id === id)
  clock.endsAt = performance.now() + leftMs
  clock.spanMs = spanMs ?? Math.max(clock.spanMs, leftMs)
}

function noteRenewal(now) {
  if (refreshedAt !== null && refreshedAt !== now) {
    renewals += 1
    const times = renewals === 1 ? 'once' : renewals + ' times'
    document.getElementById('renewals').textContent = 'Tokens renewed ' + times + ', last at ' + new Date(now).toLocaleTimeString() + '. This page saw none of them.'
  }
  refreshedAt = now
}

function tick() {
  for (const clock of clocks) {
    const leftMs = Math.max(0, clock.endsAt - performance.now())
    clock.left.textContent = leftMs === 0 ? spent[clock.id] : inWords(leftMs)
    clock.bar.value = Math.min(1, leftMs / clock.spanMs)
  }
}

function inWords(ms) {
  const seconds = Math.round(ms / 1000)
  const two = number => String(number).padStart(2, '0')
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor(seconds / 60) % 60
  return (hours > 0 ? hours + ':' + two(minutes) : minutes) + ':' + two(seconds % 60)
}

setInterval(() => {
  if (!isSignedIn) return
  tick()
  const isOver = clocks.some(clock => clock.id !== 'access' && clock.endsAt < performance.now())
  if (isOver) refreshSession().catch(() => {})
}, 1000)

// Also after Back: a page kept by the browser must not show somebody who has signed out.
addEventListener('pageshow', () => refreshSession().catch(() => {}))
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') refreshSession().catch(() => {})
})
`
