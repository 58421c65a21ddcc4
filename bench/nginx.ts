import { writeFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { findPort, type Program, startProgram } from './programs.ts'

export interface NginxOptions {
  readonly name: string
  readonly folder: string
  readonly core: number
  /** What stands in `server` beside `listen`. */
  readonly server: string
  /** What stands beside `server`. */
  readonly http?: string
}

/** Starts an nginx with one worker that keeps its connections and writes no log, as the gateway does in these runs. */
export async function startNginx({ name, folder, core, server, http = '' }: NginxOptions): Promise<Program> {
  const port = await findPort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `${kind}_temp_path ${folder};`).join('\n  ')
  const file = join(folder, `${name}.conf`)
  await writeFile(
    file,
    `daemon off;
user ${userInfo().username};
pid ${join(folder, `${name}.pid`)};
error_log stderr crit;
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 300s;
  server_tokens off;
  ${temporary}
  ${http}
  server {
    listen 127.0.0.1:${port};${server}
  }
}
`,
  )
  return startProgram({ core, port, command: ['nginx', '-e', 'stderr', '-p', folder, '-c', file] })
}
