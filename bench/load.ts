import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readCpuSeconds } from './process-tree.ts'
import { cores } from './programs.ts'
import type { Subject } from './subjects/subject.ts'

/** What one run of wrk measured. */
export interface Run {
  readonly requests: number
  readonly requestsPerSecond: number
  /** Requests per second of CPU that the tested program and its children used: the figure that counts. */
  readonly requestsPerCpuSecond: number
  /** How much of its core the tested program used, in percent. */
  readonly cpuPercent: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface LoadOptions {
  readonly path: string
  readonly connections: number
  readonly seconds: number
}

/** Puts load on a subject. @throws Error when any request failed */
export type Load = (subject: Subject, options: LoadOptions) => Promise<Run>

export function createLoad({ folder, host }: { readonly folder: string; readonly host: string }): Load {
  const scripts = new Map<string, Promise<string>>()

  async function write(subject: Subject, path: string): Promise<string> {
    const file = join(folder, `load-${scripts.size}.lua`)
    await writeFile(file, describeLoad(host, path, subject))
    return file
  }

  function scriptFor(subject: Subject, path: string): Promise<string> {
    const key = `${subject.name} ${path}`
    const script = scripts.get(key) ?? write(subject, path)
    scripts.set(key, script)
    return script
  }

  return async function load(subject, { path, connections, seconds }) {
    const { pid, port } = subject.program
    const script = await scriptFor(subject, path)
    const command = [
      '-c',
      String(cores.others),
      'wrk',
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout',
      '10s',
      '--latency',
      '-s',
      script,
    ]
    const before = readCpuSeconds(pid)
    const { stdout } = await promisify(execFile)('taskset', [...command, `http://127.0.0.1:${port}${path}`])
    return judge(subject.name, stdout, readCpuSeconds(pid) - before)
  }
}

interface Summary {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Answers of 400 and above, and connections that failed in any way. */
  readonly failures: number
}

function judge(name: string, stdout: string, cpuSeconds: number): Run {
  const summary = JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as Summary
  if (summary.failures > 0)
    throw new Error(`${name}: ${summary.failures} of ${summary.requests} requests failed: a proxy that refuses is no faster one.`)
  if (summary.requests === 0) throw new Error(`${name}: no request was answered.`)
  return {
    requests: summary.requests,
    requestsPerSecond: summary.requests / summary.seconds,
    requestsPerCpuSecond: summary.requests / cpuSeconds,
    cpuPercent: (100 * cpuSeconds) / summary.seconds,
    p50Ms: summary.p50Ms,
    p99Ms: summary.p99Ms,
  }
}

/** A fetch of a page's own script, as Chromium sends it and as the proxy that ended TLS passes it on. */
export const browserHeaders = {
  Connection: 'keep-alive',
  Accept: 'application/json, text/plain, */*',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-GB,en;q=0.9,de;q=0.8',
  'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Sec-CH-UA': '"Chromium";v="142", "Not_A Brand";v="99"',
  'Sec-CH-UA-Mobile': '?0',
  'Sec-Fetch-Dest': 'empty',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Site': 'same-origin',
}

/** Builds all requests once: what wrk does for each is then an index and a lookup. */
function describeLoad(host: string, path: string, { cookies, header = 'Cookie' }: Subject): string {
  const headers = { Host: host, Referer: `https://${host}/orders`, ...browserHeaders }
  const lines = Object.entries(headers).map(([name, value]) => `  headers[${quote(name)}] = ${quote(value)}`)
  return `local cookies = {${cookies.map(quote).join(',')}}
local requests, next = {}, 0
function init()
  local headers = {}
${lines.join('\n')}
  for index, cookie in ipairs(cookies) do
    headers[${quote(header)}] = cookie
    requests[index] = wrk.format('GET', ${quote(path)}, headers)
  end
end
function request()
  next = next % #requests + 1
  return requests[next]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{"requests":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"failures":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
