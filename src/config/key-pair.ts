import { createPrivateKey, X509Certificate } from 'node:crypto'

/** A certificate and its private key, both as PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/**
 * What is wrong with the private key of a certificate; null when nothing is.
 *
 * @param certOption what the operator calls the certificate
 */
export function keyPairProblem({ cert, key }: KeyPair, certOption: string): string | null {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? null : `is not the private key of ${certOption}`
  } catch {
    return 'is not a private key in PEM without a passphrase'
  }
}

/**
 * What is wrong with the dates of a certificate; null when nothing is. Only the first counts: a bundle may well
 * hold old ones that nobody needs any more.
 */
export function validityProblem(cert: string, now: number): string | null {
  const { validFromDate, validToDate } = new X509Certificate(cert)
  if (validToDate.getTime() < now) return `expired on ${day(validToDate)}: get a new certificate`
  return validFromDate.getTime() > now ? `is not valid before ${day(validFromDate)}` : null
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
