import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cores, findPort, type Program, startProgram } from './programs.ts'

// About 200 bytes, like an API's short answer.
const body = JSON.stringify({
  orders: [
    { id: 4711, item: 'Lantern', quantity: 2, price: '19.90', currency: 'EUR', state: 'shipped' },
    { id: 4712, item: 'Rope, 20 m', quantity: 1, price: '34.00', currency: 'EUR', state: 'open' },
  ],
  next: null,
})

/** Starts the upstream of all runs. It answers 401 when no Authorization came, so a proxy that forgets the token cannot win. */
export async function startUpstream(folder: string): Promise<Program> {
  const port = await findPort()
  const server = `
    default_type application/json;
    if ($http_authorization = '') { return 401; }
    location / { return 200 '${body}'; }`
  return startNginx(folder, { name: 'upstream', core: cores.others, port, server, upstream: '' })
}

/** Starts the bare proxy that the gateway is compared with: it sets the headers the gateway sets, and checks nothing. */
export async function startBareProxy(folder: string, upstreamPort: number, token: string): Promise<Program> {
  const port = await findPort()
  const upstream = `upstream api { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }`
  const server = `
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Cookie '';
      proxy_set_header Authorization 'Bearer ${token}';
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Request-Id $request_id;
    }`
  return startNginx(folder, { name: 'proxy', core: cores.tested, port, server, upstream })
}

interface NginxOptions {
  readonly name: string
  readonly core: number
  readonly port: number
  readonly server: string
  readonly upstream: string
}

async function startNginx(folder: string, { name, core, port, server, upstream }: NginxOptions): Promise<Program> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${folder};`).join('\n  ')
  const file = join(folder, `${name}.conf`)
  await writeFile(
    file,
    `daemon off;
pid ${join(folder, `${name}.pid`)};
error_log stderr crit;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  server_tokens off;
  ${temporary}
  ${upstream}
  server {
    listen 127.0.0.1:${port};${server}
  }
}
`,
  )
  return startProgram({ core, port, command: ['nginx', '-e', 'stderr', '-p', folder, '-c', file] })
}
