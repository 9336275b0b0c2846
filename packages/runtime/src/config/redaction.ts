const userInfo = /([a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/?#@"']*):[^\s/?#"']*@/gi
const parameter = /([?&](?:ssl)?password=)[^\s&#"']*/gi

/** Replaces the password of every URL in a text: `amqp://guest:***@host`, `postgres://host/db?password=***`. */
export const hidePasswords = (text: string): string =>
  text.includes('://') ? text.replace(userInfo, '$1:***@').replace(parameter, '$1***') : text
