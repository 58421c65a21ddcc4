import { startNginx } from '../nginx.ts'
import { cores } from '../programs.ts'
import { makeToken } from './session-parts.ts'
import { type Subject, type Surroundings, tokenLengths } from './subject.ts'

/** Starts the bare proxy: it sets the headers that the gateway sets, and checks nothing. */
export async function startBareNginx({ folder, upstreamPort }: Surroundings, cookies: readonly string[]): Promise<Subject> {
  const http = `upstream api { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }`
  const server = `
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Connection '';
      proxy_set_header Cookie '';
      proxy_set_header Authorization 'Bearer ${makeToken(tokenLengths.access)}';
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Request-Id $request_id;
    }`
  return { name: 'nginx', program: await startNginx({ name: 'proxy', folder, core: cores.tested, server, http }), cookies }
}
