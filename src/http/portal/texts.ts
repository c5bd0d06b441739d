/**
 * Every sentence of the portal, in one language: another language is another object of this type, and nothing else
 * changes. What partners and spammers wrote never stands here.
 */

/** The language of these texts, of dates and of numbers (BCP 47). */
export const language = "en";

export const texts = {
  portal: (issuer: string) => `Feeds of ${issuer}`,
  skip: "To the content",
  home: "Your feeds",
  signOut: "Sign out",
  signIn: {
    title: "Sign in",
    withLink: "You came by a link that the operator made for you. It works once.",
    go: "Sign in",
    refused: "This link doesn't count any more. A link works once, for a day at most: ask the operator for another.",
    needed: "Sign in to see your feeds. The operator gives you a link that works once.",
  },
  feed: {
    title: "Feed",
    every: "Published",
    label: "Label",
    latest: "Newest period",
    none: "Nothing was published yet.",
  },
  failed: "That didn't work",
  nothing: "There is nothing here for you. Your feeds are on the first page.",
} as const;
