/** The names in a list such as `lr,gbdt`, in the order in which they are known. Ends the process for one that is not. */
export function namesIn<T extends string>(text: string, known: readonly T[], option: string): readonly T[] {
  const given = text.split(',')
  const wrong = given.filter((name) => !known.some((each) => each === name))
  if (wrong.length > 0) {
    console.error(`${option}: there is no ${wrong.join(', ')}; there are ${known.join(', ')}`)
    process.exit(2)
  }
  return known.filter((name) => given.includes(name))
}
