/** Sentences of the pages by which people come in: a link, a key, an invitation. */

/** In the order in which they are met. */
export const signInTexts = {
  signIn: {
    title: "Sign in",
    withLink: (partner: string) =>
      `You came by a link that the operator made for ${partner}. It works once, and signs you in for an hour.`,
    go: "Sign in",
    refused: "This link doesn't count any more. A link works once, for a day at most: ask the operator for another.",
    byLink: "By a link",
    needed: "Without a key, ask the operator for a link. It works once, for a day at most.",
  },
  withKey: {
    title: "With your key",
    what: "Choose the file of your private key. It is read in this browser and never sent: the page signs a question of this service with it, and the signature alone goes out. You are then signed in for an hour.",
    noScript:
      "Signing in with a key needs JavaScript, since the key must not leave your browser. Without it, ask the operator for a link.",
    file: "Your key file (JWK)",
    partner: "Your id, where the file doesn't say it",
    go: "Sign in with the key",
    refused:
      "That didn't sign you in. The key must be one that the operator has of you, the id yours, and all of it done in one browser within five minutes. Try again, or ask the operator.",
    says: {
      "no-key":
        "This file holds no private key that this browser can use (a JWK for Ed25519 or P-256). Older browsers don't know Ed25519.",
      "no-partner": "The file doesn't say whose key it is: write your id beside it, as the operator told you.",
      busy: "Signing in…",
      unreachable: "The service didn't give a question to sign. Wait a minute, and try again.",
    },
  },
  operator: { signIn: "Operators: sign in" },
  join: {
    title: "Make your key",
    what: (name: string, id: string) =>
      `You are invited as ${name} (${id}). Here you make the key pair that opens your feeds. The private key is made in this browser and never leaves it but into a file of yours; the public key goes to the operator, who approves it after comparing its fingerprint with you by phone.`,
    noScript:
      "This needs JavaScript, since the private key must not leave your browser. Without it, use the command instead, which does the same:",
    thisLink: "the link by which you came",
    make: "Make the key pair. It takes a moment.",
    makeButton: "Make the key",
    fingerprint: "Fingerprint",
    save: "Save the private key where only you can read it: whoever has the file gets your feeds. It can't be shown again. Write down the fingerprint, too.",
    saveLink: "Save the key file",
    keep: "Choose the file that you just saved, so that this page sees that you have it. It is read here and not sent.",
    send: "Now send the public key. Nothing is active before the operator has called you, or you the operator, and compared the fingerprint.",
    sendButton: "Send the public key",
    sentAt: "Sent",
    needed: "Open this page by the link that the operator gave you.",
    refused:
      "This invitation doesn't count, or not any more: one holds for a week. If you joined by it, sign in with your key; else ask the operator for another.",
    badKey: "This key can't be used, or wasn't proven to be yours. Open the link again, and make a new one.",
    notYours:
      "If this fingerprint isn't the one of the key that you made, tell the operator: somebody else used your link.",
    states: {
      waiting:
        "Your public key is with the operator. It counts once the operator has approved it; read the fingerprint to them by phone.",
      approved: "The operator approved your key. It counts within minutes.",
      "in-force": "Your key counts. You can sign in with it, and your machines can fetch with it.",
      rejected: "The operator rejected this key. Ask for another invitation.",
    },
    says: {
      made: "The key is made. Save it now.",
      cannot: "This browser can't make keys. Use another one, or the command spampots join.",
      kept: "That is the file. Now send the public key.",
      other: "This is another file than the one that was made here.",
    },
  },
} as const;
