import bowser from 'bowser'

/** Nobody's is longer; what is, was made up. */
const longestUserAgent = 512

/**
 * What a person would call the program that a request comes from: "Firefox on Linux". Empty where nobody can say.
 * It is for the person to know a session again, and proves nothing.
 */
export function deviceLabel(userAgent: string | undefined): string {
  if (userAgent === undefined || userAgent === '' || userAgent.length > longestUserAgent) return ''
  const { browser, os } = bowser.parse(userAgent)
  return [browser.name, os.name].filter(name => name !== undefined && name !== '').join(' on ')
}
