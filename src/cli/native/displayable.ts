/**
 * A text of a server, as a terminal may show it: letters of every script, but nothing that moves the cursor, changes the
 * terminal or turns the order of what is read around.
 */
export function displayable(text: string): string {
  const visible = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return visible.length > 120 ? `${visible.slice(0, 119)}…` : visible
}
