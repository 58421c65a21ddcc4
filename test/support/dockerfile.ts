import { readProjectFile } from './project-files.ts'

export interface Instruction {
  /** In upper case. */
  readonly name: string
  readonly text: string
}

/** The instructions of the Dockerfile, continued lines joined and comments gone. */
export function readDockerfile(): readonly Instruction[] {
  const lines = readProjectFile('Dockerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter(line => line.trim() !== '')
  return lines.map(line => {
    const [, name = '', text = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    return { name, text }
  })
}

/** The command of an instruction in exec form, which needs no shell. */
export function execForm(text: string): readonly string[] {
  return JSON.parse(text.slice(text.indexOf('['))) as string[]
}

/** The values of an instruction in the image itself, which is the last stage. */
export function inImage(name: string): readonly string[] {
  const all = readDockerfile()
  const last = all.findLastIndex(instruction => instruction.name === 'FROM')
  return all.slice(last).flatMap(instruction => (instruction.name === name ? [instruction.text] : []))
}
