const userInfo = /([a-z][a-z0-9+.-]*:\/\/[^\s:/?#@"']*):[^\s/?#@"']*@/gi

/** Replaces the password of every URL in a text: `amqp://guest:***@host`. */
export const hidePasswords = (text: string): string => text.replace(userInfo, '$1:***@')
