import { randomBytes } from 'node:crypto'

/** Opcodes of RFC 6455 §5.2 that mean something here. */
const [continuation, lastData, close, lastControl] = [0x0, 0x2, 0x8, 0xa]

/** Largest payload of a control frame (RFC 6455 §5.5). */
const maxControlBytes = 125

export type FrameFault = 'protocol' | 'too_large'

export interface FrameRules {
  /** Whether the sender is the client, who masks every frame where the server masks none (RFC 6455 §5.1). */
  readonly isMasked: boolean
  /** Whether an extension was agreed on: only then the reserved bits mean something. */
  readonly hasExtensions: boolean
  /** Bytes on the wire that the frames of one message may have together; packed ones count as they are. */
  readonly maxMessageBytes: number
}

/**
 * Follows the frames of one direction of a WebSocket by their heads alone. Payloads are neither kept nor unmasked.
 *
 * What `read` returns ends within a payload or between two frames, never within a head: a frame is judged before any of
 * it is passed on, and between two frames another may be put.
 */
export class FrameReader {
  /** Frames that have begun. */
  frames = 0
  /** Those of them that carry a message, which is neither ping nor pong. */
  dataFrames = 0
  /** Bytes of the frame at hand that are still to come; 0 between two frames. */
  remaining = 0
  /** Whether a close frame has begun: nothing after it is passed on (RFC 6455 §5.5.1). */
  hasClosed = false
  fault: FrameFault | null = null
  readonly #rules: FrameRules
  #isFragmented = false
  #messageBytes = 0
  /** The beginning of a head that is not whole. */
  #held: Buffer | null = null

  constructor(rules: FrameRules) {
    this.#rules = rules
  }

  /** What of this, and of what was held back before, may be passed on. With a fault: what came before the faulty frame. */
  read(chunk: Buffer): Buffer {
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
    this.#held = null
    let at = 0
    for (;;) {
      const taken = Math.min(this.remaining, bytes.length - at)
      this.remaining -= taken
      at += taken
      if (at === bytes.length) return bytes
      if (this.hasClosed) return bytes.subarray(0, at)
      const size = headBytes(bytes, at)
      if (bytes.length - at < size) {
        this.#held = Buffer.from(bytes.subarray(at))
        return bytes.subarray(0, at)
      }
      this.fault = this.#begin(bytes, at)
      if (this.fault !== null) return bytes.subarray(0, at)
      at += size
    }
  }

  #begin(bytes: Buffer, at: number): FrameFault | null {
    const [first, second] = [bytes.readUInt8(at), bytes.readUInt8(at + 1)]
    const { isMasked, hasExtensions, maxMessageBytes } = this.#rules
    const opcode = first & 0x0f
    const isFinal = first >= 0x80
    if (second >= 0x80 !== isMasked || ((first & 0x70) !== 0 && !hasExtensions)) return 'protocol'

    const length = payloadBytes(bytes, at, second & 0x7f)
    if (opcode >= close) {
      if (opcode > lastControl || !isFinal || length > maxControlBytes) return 'protocol'
      this.hasClosed = opcode === close
    } else {
      // A message is one first frame and any number of continuations (RFC 6455 §5.4).
      if (opcode > lastData || (opcode === continuation) !== this.#isFragmented) return 'protocol'
      this.#messageBytes = (this.#isFragmented ? this.#messageBytes : 0) + length
      if (this.#messageBytes > maxMessageBytes) return 'too_large'
      this.#isFragmented = !isFinal
      this.dataFrames++
    }
    this.frames++
    this.remaining = length
    return null
  }
}

/** How long the head is that begins here; as far as can be told, where not even its second byte is there. */
function headBytes(bytes: Buffer, at: number): number {
  const second = bytes[at + 1]
  if (second === undefined) return 2
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second >= 0x80 ? 4 : 0)
}

function payloadBytes(bytes: Buffer, at: number, length: number): number {
  if (length === 126) return bytes.readUInt16BE(at + 2)
  // Beyond 2^53 it is no longer exact, and larger than anything that is taken.
  return length === 127 ? bytes.readUInt32BE(at + 2) * 2 ** 32 + bytes.readUInt32BE(at + 6) : length
}

/** A ping without payload, as a server sends it. */
export const pingFrame: Buffer = Buffer.from([0x89, 0])

/** The close frame of a server: a code of RFC 6455 §7.4, and a word or none, of ASCII. */
export function closeFrame(code: number, reason: string): Buffer {
  return Buffer.concat([Buffer.from([0x88, 2 + reason.length, code >> 8, code & 0xff]), Buffer.from(reason, 'latin1')])
}

/** The close frame of a client, which is masked. */
export function maskedCloseFrame(code: number): Buffer {
  const mask = randomBytes(4)
  return Buffer.from([0x88, 0x82, ...mask, (code >> 8) ^ mask.readUInt8(0), (code & 0xff) ^ mask.readUInt8(1)])
}
