// Who proves the rows that no test names yet. A row leaves this table by being named in a test.

const thisSlice = 'Open in this version'
const provider = 'A client that no provider can fool'
const life = 'Token and session life'
const dataPath = 'The data path'
const native = 'Native clients'
const operations = 'Run it for real'
const notPlanned = 'Not planned'

/** The issue that owns what is left of a block. */
const blocks: Readonly<Record<string, string>> = {
  FLOW: thisSlice,
  PKCE: thisSlice,
  ISS: provider,
  META: provider,
  IDT: provider,
  UI: provider,
  CAUTH: provider,
  PAR: provider,
  // Optional features that the contract does not offer.
  JAR: notPlanned,
  DPOP: notPlanned,
  INT: notPlanned,
  SMN: notPlanned,
  FAPI: notPlanned,
  RTK: life,
  REV: life,
  RES: dataPath,
  TEX: dataPath,
  STEP: dataPath,
  RPL: life,
  BCL: life,
  FCL: life,
  NAT: native,
  CKE: thisSlice,
  SES: thisSlice,
  RDS: thisSlice,
  CSRF: thisSlice,
  PXY: dataPath,
  HDR: dataPath,
  MSG: dataPath,
  WS: dataPath,
  CAC: dataPath,
  WEB: operations,
  LOG: operations,
  NIST: provider,
  NHI: native,
  OPS: operations,
}

/** Rows that belong to another issue than their block. */
const rows: Readonly<Record<string, string>> = {
  // form_post and what it protects.
  'FLOW-12': provider,
  'FLOW-22': provider,
  // The age of a code is the provider's to know; the scheme of the browser's hop is the configured origin's; deviations.
  'NIST-03': notPlanned,
  'NIST-07': notPlanned,
  // JARM, encrypted ID tokens: no option offers them.
  'ISS-07': notPlanned,
  'IDT-18': notPlanned,
  // Our own key set: with private_key_jwt, and with X-Auth-Assertion.
  'META-12': dataPath,
  'META-09': native,
  'META-10': native,
  'META-11': dataPath,
  // Mutual TLS beyond client authentication.
  'CAUTH-10': notPlanned,
  // A handle bound to a key is DPoP; handles are not renewed.
  'NAT-26': notPlanned,
  'NAT-27': notPlanned,
  // Ends of sessions, their list and their limits.
  'SES-06': life,
  'SES-09': life,
  'SES-12': life,
  'SES-13': life,
  'SES-15': life,
  'SES-16': notPlanned,
  'RDS-04': life,
  'RDS-05': life,
  'RDS-09': life,
  'RDS-11': life,
  // Profiles with fixed limits, and a value in the body of every POST: no option offers them.
  'CSRF-11': notPlanned,
  'CSRF-12': native,
  // The management of what people hold.
  'NHI-01': operations,
  'NHI-02': operations,
  'NHI-06': operations,
  'NHI-08': operations,
  'NHI-09': operations,
  'HDR-16': dataPath,
}

/** The issue that owns a row, by its id. */
export function ownerOf(id: string): string {
  return rows[id] ?? blocks[id.slice(0, id.indexOf('-'))] ?? thisSlice
}
