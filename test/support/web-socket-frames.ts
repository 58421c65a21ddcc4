import { randomBytes } from 'node:crypto'

/** One frame of a WebSocket, as it was on the wire but unmasked. */
export interface Frame {
  readonly opcode: number
  readonly isFinal: boolean
  readonly isMasked: boolean
  readonly payload: Buffer
}

export const [continuation, text, binary, close, ping, pong] = [0, 1, 2, 8, 9, 10]

export interface FrameOptions {
  readonly isFinal?: boolean
  /** As clients do. */
  readonly isMasked?: boolean
  /** The reserved bits, such as 4 for a packed message. */
  readonly reserved?: number
}

/** The bytes of a frame; nothing is checked, so that hostile ones can be made as well. */
export function frame(
  opcode: number,
  payload: string | Buffer,
  { isFinal = true, isMasked = false, reserved = 0 }: FrameOptions = {},
): Buffer {
  const bytes = Buffer.from(payload)
  const mask = isMasked ? randomBytes(4) : Buffer.alloc(0)
  const body = isMasked ? Buffer.from(bytes.map((byte, i) => byte ^ mask.readUInt8(i & 3))) : bytes
  return Buffer.concat([frameHead(opcode, bytes.length, { isFinal, isMasked, reserved }), mask, body])
}

/** The head of a frame that announces so much, without its mask. */
export function frameHead(opcode: number, length: number, { isFinal = true, isMasked = false, reserved = 0 }: FrameOptions = {}): Buffer {
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  const bit = isMasked ? 0x80 : 0
  if (length < 126) return Buffer.from([first, bit | length])
  const long = Buffer.alloc(length < 65_536 ? 4 : 10)
  long.writeUInt8(first, 0)
  long.writeUInt8(bit | (long.length === 4 ? 126 : 127), 1)
  if (long.length === 4) long.writeUInt16BE(length, 2)
  else long.writeBigUInt64BE(BigInt(length), 2)
  return long
}

/** The payload of a close frame. */
export function closing(code: number, reason = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

/** The whole frames at the beginning of some bytes, and what is left. */
export function readFrames(bytes: Buffer): { readonly frames: Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = []
  let rest = bytes
  for (;;) {
    const found = readFrame(rest)
    if (found === null) return { frames, rest }
    frames.push(found.frame)
    rest = rest.subarray(found.size)
  }
}

function readFrame(bytes: Buffer): { readonly frame: Frame; readonly size: number } | null {
  if (bytes.length < 2) return null
  const [first, second] = [bytes.readUInt8(0), bytes.readUInt8(1)]
  const short = second & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const isMasked = second >= 0x80
  const at = 2 + lengthBytes + (isMasked ? 4 : 0)
  if (bytes.length < at) return null
  const length = lengthBytes === 2 ? bytes.readUInt16BE(2) : lengthBytes === 8 ? Number(bytes.readBigUInt64BE(2)) : short
  if (bytes.length < at + length) return null
  const payload = Buffer.from(bytes.subarray(at, at + length))
  if (isMasked) for (const [i, byte] of payload.entries()) payload[i] = byte ^ bytes.readUInt8(at - 4 + (i & 3))
  return { frame: { opcode: first & 0x0f, isFinal: first >= 0x80, isMasked, payload }, size: at + length }
}
