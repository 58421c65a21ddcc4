import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { closeFrame, FrameReader, type FrameRules, maskedCloseFrame } from '../../src/http/web-socket-frames.ts'
import { binary, close, closing, continuation, frame, frameHead, ping, pong, readFrames, text } from '../support/web-socket-frames.ts'

const rules: FrameRules = { isMasked: true, hasExtensions: false, maxMessageBytes: 100_000 }
const masked = (opcode: number, payload: string | Buffer, isFinal = true) => frame(opcode, payload, { isMasked: true, isFinal })

/** Cuts bytes into pieces of these sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}

describe('the reader of frames', () => {
  const message = fc.record({
    opcode: fc.constantFrom(text, binary, ping, pong),
    length: fc.constantFrom(0, 1, 100, 125, 126, 5000, 65_536),
  })
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 })

  it('passes every byte on, in order, however the frames are cut, and never ends within a head', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), sizes, (messages, chunks) => {
        const frames = messages.map(({ opcode, length }) =>
          masked(opcode, Buffer.alloc(opcode >= close ? Math.min(length, 125) : length, 'x')),
        )
        const all = Buffer.concat(frames)
        const reader = new FrameReader(rules)
        const passed: Buffer[] = []
        let end = 0
        const ends = new Set([0, ...frames.map(({ length }) => (end += length))])
        let count = 0

        for (const piece of cut(all, chunks)) {
          passed.push(Buffer.from(reader.read(piece)))
          count += passed.at(-1)?.length ?? 0
          // What has been passed on and what is still to come of it are whole frames.
          assert.ok(ends.has(count + reader.remaining))
        }

        assert.ok(Buffer.concat(passed).equals(all))
        assert.deepEqual([reader.fault, reader.remaining, reader.frames], [null, 0, frames.length])
        assert.equal(reader.dataFrames, messages.filter(({ opcode }) => opcode < close).length)
      }),
      { numRuns: 200 },
    )
  })

  const hostile: readonly (readonly [what: string, bytes: Buffer, fault: string])[] = [
    ['a client that does not mask', frame(text, 'hi'), 'protocol'],
    ['a reserved opcode', masked(3, ''), 'protocol'],
    ['a reserved control opcode', masked(11, ''), 'protocol'],
    ['a reserved bit that nobody agreed on', frame(text, 'hi', { isMasked: true, reserved: 4 }), 'protocol'],
    ['a ping of more than 125 bytes', masked(ping, 'x'.repeat(126)), 'protocol'],
    ['a ping in pieces', masked(ping, 'x', false), 'protocol'],
    ['a continuation of nothing', masked(continuation, 'x'), 'protocol'],
    ['a message within a message', Buffer.concat([masked(text, 'x', false), masked(text, 'y')]), 'protocol'],
    ['a message that is too large', Buffer.concat([frameHead(binary, 100_001, { isMasked: true }), Buffer.alloc(4)]), 'too_large'],
    [
      'one that is so in pieces',
      Buffer.concat([masked(text, 'x'.repeat(60_000), false), masked(continuation, 'x'.repeat(60_000))]),
      'too_large',
    ],
    ['more bytes than there are', Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]), 'too_large'],
  ]
  for (const [what, bytes, fault] of hostile) {
    for (const size of [1, 7, 100_000]) {
      it(`WS-06 takes ${what} for what it is, in pieces of ${size}, and passes nothing of it on`, () => {
        const reader = new FrameReader(rules)
        const passed: Buffer[] = []
        for (const piece of cut(bytes, [size])) if (reader.fault === null) passed.push(reader.read(piece))

        assert.equal(reader.fault, fault)
        const { frames, rest } = readFrames(Buffer.concat(passed))
        assert.deepEqual([frames.length, rest.length], [reader.frames, 0])
        assert.ok(reader.frames < 2)
      })
    }
  }

  it('takes a masked frame of a server for a fault, and packed messages where that was agreed on', () => {
    const server = new FrameReader({ ...rules, isMasked: false, hasExtensions: true })
    assert.equal(server.read(frame(text, 'packed', { reserved: 4 })).length, 8)
    assert.equal(server.fault, null)

    server.read(masked(text, 'x'))

    assert.equal(server.fault, 'protocol')
  })

  it('passes nothing on after a close frame', () => {
    const reader = new FrameReader(rules)
    const last = masked(close, closing(1000))

    const passed = [last.subarray(0, 7), Buffer.concat([last.subarray(7), masked(text, 'more')]), masked(text, 'and more')].map(bytes =>
      Buffer.from(reader.read(bytes)),
    )

    assert.ok(Buffer.concat(passed).equals(last))
    assert.deepEqual([reader.hasClosed, reader.fault], [true, null])
  })
})

describe('the close frames of the gateway', () => {
  it('are whole, with code and word for a client, masked for an upstream', () => {
    const { frames } = readFrames(Buffer.concat([closeFrame(4401, 'session_idle'), closeFrame(1001, ''), maskedCloseFrame(1001)]))

    assert.deepEqual(
      frames.map(({ opcode, isFinal, isMasked, payload }) => [
        opcode,
        isFinal,
        isMasked,
        payload.readUInt16BE(0),
        String(payload.subarray(2)),
      ]),
      [
        [close, true, false, 4401, 'session_idle'],
        [close, true, false, 1001, ''],
        [close, true, true, 1001, ''],
      ],
    )
  })
})
