/** `sallyport demo`. Imported late: the demo's provider is not part of the production image. */
export async function demo(args: readonly string[]): Promise<number> {
  const program = await import('../demo/main.ts')
  await program.demo(args)
  return 0
}
