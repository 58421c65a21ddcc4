import type { IncomingMessage } from 'node:http'

/** As much of a request as the stages look at: of one that came to us, or of one that a proxy asks about. */
export interface RequestHead extends Pick<IncomingMessage, 'method' | 'url' | 'headers' | 'rawHeaders' | 'httpVersionMinor'> {
  /** Of the connection that it came over. */
  readonly socket: Pick<IncomingMessage['socket'], 'remoteAddress'>
}
