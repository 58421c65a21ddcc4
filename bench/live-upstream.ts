import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

// The upstream of WebSockets, for nginx alone cannot switch protocols: it does so, and says nothing more.
const { PORT } = process.env

createServer()
  .on('upgrade', (req, socket) => {
    const key = `${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    const accept = createHash('sha1').update(key).digest('base64')
    socket.on('error', () => socket.destroy())
    socket.on('end', () => socket.end()).resume()
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
  })
  .listen(Number(PORT), '127.0.0.1')
