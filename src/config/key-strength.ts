// What examples and generators of examples leave behind.
const placeholder =
  /change.?(me|this)|replace.?(me|this)|place.?holder|your.?(own.?)?(secret|key|password|client)|insert.?(here|your)|not.?(a|so).?secret|<[^>]*>/i

/** What is wrong with a text that should sign cookies; null when nothing is. */
export function cookieKeyProblem(key: string): string | null {
  if (Buffer.byteLength(key) < 32) return 'is shorter than 32 bytes: make one with sallyport keys generate'
  return isPlaceholder(key) || isGuessable(key) ? 'does not look random: make one with sallyport keys generate' : null
}

/** What is wrong with a text that should be a bearer token; null when nothing is. */
export function tokenProblem(token: string): string | null {
  // RFC 6750 §2.1: what a header can carry.
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return 'must be of letters, digits and - . _ ~ + /: make one with sallyport keys generate'
  return cookieKeyProblem(token)
}

/** The 32 bytes of a sealing key, or what is wrong with its text: base64, base64url or hex, however it is padded. */
export function decodeSealingKey(text: string): { key: Buffer } | { problem: string } {
  const key = /^[0-9a-f]{64}$/i.test(text)
    ? Buffer.from(text, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(text)
      ? Buffer.from(text, 'base64')
      : null
  if (key === null || key.length !== 32) {
    return { problem: 'must be exactly 32 bytes in base64, base64url or hex: make one with sallyport keys generate --kind sealing' }
  }
  // Random bytes may well hold a `<` and later a `>`: placeholders are looked for in the text alone.
  return isPlaceholder(text) || isGuessable(key.toString('latin1'))
    ? { problem: 'does not look random: make one with sallyport keys generate --kind sealing' }
    : { key }
}

/** Whether a text was put there to be replaced. */
export function isPlaceholder(text: string): boolean {
  return placeholder.test(text)
}

/** Whether a text of 32 characters or more was typed rather than drawn. Of random hex, base64 or bytes none in millions is. */
function isGuessable(text: string): boolean {
  return new Set(text).size < 8 || isRepetition(text) || isSequence(text)
}

function isRepetition(text: string): boolean {
  // A text with a period shorter than itself shows up inside its own double.
  const period = (text + text).indexOf(text, 1)
  return period <= text.length / 2
}

/** Whether most characters are the next ones of the alphabet, or the same again. */
function isSequence(text: string): boolean {
  let steps = 0
  for (let i = 1; i < text.length; i++) if (Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) <= 1) steps++
  return steps > text.length / 2
}
