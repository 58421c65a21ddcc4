import type { Socket } from 'node:net'
import { closeFrame, FrameReader, maskedCloseFrame, pingFrame } from '../http/web-socket-frames.ts'

/** Frames of a client in less than ten seconds, pings among them, after which it is taken for a flood. */
const maxFrames = 10_000
const maxFramesWithinMs = 10_000

/** Checks in a row that a client may let pass without a sign of life, and without taking anything of what waits for it. */
const maxUnheard = 3

/** How long the two sides may take to leave once the gateway has said that it is over. */
const graceMs = 1_000

/** The upstream hears of every end that is not its own as of a client that has left (RFC 6455 §7.4.1). */
const goingAway = 1001

/** Close codes of RFC 6455 §7.4 and its registry, each with why the gateway itself ends a socket. */
const closeCodes = {
  session_over: 4401,
  closing: 1001,
  frame_protocol: 1002,
  frame_rate: 1008,
  message_too_large: 1009,
  upstream_cut: 1014,
} as const

export type TunnelEnd = 'peers' | keyof typeof closeCodes

export interface TunnelParts {
  readonly client: Socket
  readonly upstream: Socket
  readonly hasExtensions: boolean
  readonly maxMessageBytes: number
  /** Epoch ms. */
  readonly now: () => number
  /** Told once, when both connections are closed. */
  readonly onClosed: (end: TunnelEnd) => void
}

/**
 * A WebSocket between client and upstream, after 101. Bytes pass as they are, both ways, no faster than the other side
 * takes them. The heads of frames are read, so that the gateway can keep a client within bounds, and can end the socket
 * between two frames, where the client understands it.
 */
export class Tunnel {
  readonly #parts: TunnelParts
  readonly #fromClient: FrameReader
  readonly #fromUpstream: FrameReader
  #end: TunnelEnd = 'peers'
  /** What is to be said to the client as the last thing, once the frame at hand is over. */
  #lastWords: Buffer | null = null
  /** Whether the gateway has ended it. */
  #isEnding = false
  /** Whether one of the two has ended it, and the other is still to follow. */
  #isLeaving = false
  #open = 2
  /** Whether the client has sent or taken anything since it was last looked at. */
  #isHeard = true
  #wasAsked = false
  /** How often it was asked in vain, one time after the other. */
  #unheard = 0
  #countedFrames = 0
  #countedSince: number
  #seenDataFrames = 0
  #timer: NodeJS.Timeout | null = null

  constructor(parts: TunnelParts) {
    const { hasExtensions, maxMessageBytes } = parts
    this.#parts = parts
    this.#fromClient = new FrameReader({ isMasked: true, hasExtensions, maxMessageBytes })
    this.#fromUpstream = new FrameReader({ isMasked: false, hasExtensions, maxMessageBytes: Number.MAX_SAFE_INTEGER })
    this.#countedSince = parts.now()
  }

  start(): void {
    const { client, upstream } = this.#parts
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      socket.on('close', this.#onClose)
    }
    client.on('data', this.#onClientData)
    client.on('end', this.#onClientEnd)
    client.on('drain', () => {
      this.#isHeard = true
      upstream.resume()
    })
    upstream.on('data', this.#onUpstreamData)
    upstream.on('end', this.#onUpstreamEnd)
    upstream.on('error', this.#onUpstreamEnd)
    upstream.on('drain', () => client.resume())
    // Either may have gone while the other was waited for: a stream that is closed tells nobody a second time.
    for (const socket of [client, upstream]) if (socket.closed) this.#onClose()
    client.resume()
  }

  /**
   * Ends the socket for a reason of ours. The client gets a close frame, unless a frame of the upstream's stays
   * unfinished for a second; nothing that it sends is passed on from here.
   *
   * @param word goes with the code, for programs to read
   */
  end(why: keyof typeof closeCodes, word = ''): void {
    if (this.#isEnding) return
    const { client, upstream } = this.#parts
    this.#end = why
    this.#isEnding = true
    this.#timer = setTimeout(this.#destroy, graceMs)
    this.#lastWords = this.#fromUpstream.hasClosed ? Buffer.alloc(0) : closeFrame(closeCodes[why], word)
    // Within a frame of the client's, the end of the connection must do.
    const mayBeTold = upstream.writable && this.#fromClient.remaining === 0 && !this.#fromClient.hasClosed
    if (mayBeTold) upstream.write(maskedCloseFrame(goingAway))
    upstream.end()
    client.resume()
    if (this.#fromUpstream.remaining === 0) this.#sayLastWords()
  }

  /** Whether the client has sent part of a message since this was last asked. Pings and pongs are none. */
  takeActivity(): boolean {
    const { dataFrames } = this.#fromClient
    const isActive = dataFrames > this.#seenDataFrames
    this.#seenDataFrames = dataFrames
    return isActive
  }

  /** To be called now and then: asks the client whether it is there, and cuts off one that has let three times pass. */
  check(): void {
    this.#unheard = this.#wasAsked && !this.#isHeard ? this.#unheard + 1 : 0
    if (this.#unheard === maxUnheard) {
      this.#destroy()
      return
    }
    const { client } = this.#parts
    this.#isHeard = false
    const isBacklogged = client.writableLength > 0
    const mayPing = !isBacklogged && !this.#isEnding && !this.#isLeaving && this.#fromUpstream.remaining === 0
    if (mayPing && !this.#fromUpstream.hasClosed) client.write(pingFrame)
    // Of a client that waits for the upstream nothing is read, its pongs no more than the rest.
    this.#wasAsked = (mayPing && !client.isPaused()) || isBacklogged || this.#isLeaving
  }

  readonly #onClientData = (chunk: Buffer): void => {
    this.#isHeard = true
    const { client, upstream } = this.#parts
    if (this.#isEnding || upstream.closed) return
    const bytes = this.#fromClient.read(chunk)
    if (bytes.length > 0 && !upstream.write(bytes)) client.pause()
    if (this.#fromClient.fault !== null) this.end(this.#fromClient.fault === 'too_large' ? 'message_too_large' : 'frame_protocol')
    else if (this.#fromClient.frames - this.#countedFrames > maxFrames) this.#judgeRate()
  }

  #judgeRate(): void {
    const now = this.#parts.now()
    if (now - this.#countedSince < maxFramesWithinMs) this.end('frame_rate')
    this.#countedSince = now
    this.#countedFrames = this.#fromClient.frames
  }

  readonly #onUpstreamData = (chunk: Buffer): void => {
    const { client, upstream } = this.#parts
    if (this.#isEnding) {
      this.#finishFrame(chunk)
      return
    }
    const bytes = this.#fromUpstream.read(chunk)
    if (bytes.length > 0 && !client.write(bytes)) upstream.pause()
    if (this.#fromUpstream.fault !== null) this.end('upstream_cut')
  }

  /** Nothing but the rest of the frame that the client has the beginning of. */
  #finishFrame(chunk: Buffer): void {
    if (this.#lastWords === null || this.#fromUpstream.remaining === 0) return
    const rest = chunk.subarray(0, this.#fromUpstream.remaining)
    this.#fromUpstream.read(rest)
    if (!this.#parts.client.write(rest)) this.#parts.upstream.pause()
    if (this.#fromUpstream.remaining === 0) this.#sayLastWords()
  }

  #sayLastWords(): void {
    const { client, upstream } = this.#parts
    if (this.#lastWords !== null && client.writable) client.write(this.#lastWords)
    this.#lastWords = null
    client.end()
    upstream.resume()
  }

  /** The client has no more to say. What the upstream still has goes to it: it may read on. */
  readonly #onClientEnd = (): void => {
    if (this.#isEnding) return
    this.#isLeaving = true
    this.#parts.upstream.end()
  }

  readonly #onUpstreamEnd = (): void => {
    if (this.#isEnding) {
      if (this.#lastWords !== null) this.#destroy()
    } else if (this.#fromUpstream.hasClosed || this.#fromClient.hasClosed || this.#isLeaving) {
      this.#isLeaving = true
      this.#parts.client.end()
    } else {
      this.end('upstream_cut')
      // The frame will never be whole: the client sees that in the end of the connection.
      if (this.#fromUpstream.remaining > 0) this.#destroy()
    }
  }

  readonly #onClose = (): void => {
    this.#open--
    if (this.#open > 0) {
      const { client, upstream } = this.#parts
      if (client.closed) {
        this.#isLeaving = true
        upstream.destroySoon()
      } else {
        // It may have waited for the upstream. That it leaves as well must be seen.
        client.resume()
        if (!this.#isEnding) this.#onUpstreamEnd()
      }
      return
    }
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#parts.onClosed(this.#end)
  }

  readonly #destroy = (): void => {
    this.#parts.client.destroy()
    this.#parts.upstream.destroy()
  }
}
