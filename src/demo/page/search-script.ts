/**
 * /assets/search.js: looks for tokens in everything that a script in this page can read, and says what it
 * found. Runs in the browser, so it is kept as text.
 */
export const searchScript = `
// A JWT, a token response's fields, a bearer header, and the session cookie.
const marks = [/eyJ[\\w-]{10,}\\.[\\w-]+\\.[\\w-]*/g, /(access|refresh|id)_?token["']?\\s*[:=]\\s*["']?[\\w-]{8,}/gi, /bearer\\s+[\\w-]{8,}/gi, /sallyport(\\.attempt[^=]*)?=[^;\\s]+/g]

/** Fills the table under the button. */
export async function searchForTokens() {
  const places = await collect()
  const rows = places.map(place => ({ ...place, hits: marks.flatMap(mark => place.text.match(mark) ?? []) }))
  const hits = rows.reduce((sum, row) => sum + row.hits.length, 0)
  const verdict = document.createElement('p')
  verdict.className = hits === 0 ? 'good' : 'bad'
  verdict.textContent = hits === 0 ? 'No token is readable, in ' + rows.length + ' places.' : 'Found ' + hits + '. This is a defect, please report it.'
  document.getElementById('found').replaceChildren(verdict, table(rows))
}

async function collect() {
  const [session, orders] = await Promise.all([read('/auth/session'), read('/api/orders')])
  const databases = (await indexedDB.databases?.().catch(() => [])) ?? []
  const caches = await self.caches?.keys().catch(() => []) ?? []
  return [
    { name: 'document.cookie', text: document.cookie },
    { name: 'localStorage', text: entries(localStorage) },
    { name: 'sessionStorage', text: entries(sessionStorage) },
    { name: 'databases, caches', text: databases.map(one => one.name).concat(caches).join(' ') },
    { name: '/auth/session', text: session },
    { name: '/api/orders', text: orders },
    { name: 'page, address', text: document.documentElement.outerHTML + location.href + JSON.stringify(history.state) + window.name },
  ]
}

function entries(storage) {
  return Object.entries(storage).map(entry => entry.join('=')).join('\\n')
}

/** Body and headers of an answer, as far as a script can see them. */
async function read(path) {
  try {
    const response = await fetch(path, { headers: { accept: 'application/json' } })
    return [...response.headers].map(header => header.join(': ')).join('\\n') + '\\n' + (await response.text())
  } catch {
    return ''
  }
}

function table(rows) {
  const made = document.createElement('table')
  for (const row of rows) {
    const line = made.insertRow()
    const name = document.createElement('th')
    name.scope = 'row'
    name.textContent = row.name
    line.append(name)
    line.insertCell().textContent = row.text === '' ? 'empty' : row.text.length + ' characters'
    const verdict = line.insertCell()
    verdict.className = row.hits.length === 0 ? 'good' : 'bad'
    verdict.textContent = row.hits.length === 0 ? 'no token' : row.hits.length + ' found'
  }
  return made
}
`
