import { startNginx } from '../nginx.ts'
import { cores } from '../programs.ts'
import { paths } from '../upstream.ts'
import { makeToken } from './session-parts.ts'
import { type Subject, type Surroundings, tokenLengths } from './subject.ts'

/** Starts the bare proxy: it sets the headers that the gateway sets, and checks nothing. */
export async function startBareNginx({ folder, upstreamPort, livePort }: Surroundings, cookies: readonly string[]): Promise<Subject> {
  const http = `upstream api { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 1000000000; }`
  const headers = `
      proxy_http_version 1.1;
      proxy_set_header Cookie '';
      proxy_set_header Authorization 'Bearer ${makeToken(tokenLengths.access)}';
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Request-Id $request_id;`
  const server = `
    location / {${headers}
      proxy_set_header Connection '';
      proxy_pass http://api;
    }
    location = ${paths.live} {${headers}
      proxy_set_header Connection upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_pass http://127.0.0.1:${livePort};
    }`
  return { name: 'nginx', program: await startNginx({ name: 'proxy', folder, core: cores.tested, server, http }), cookies }
}
