import type { GatewayErrorCode } from '../errors.ts'

/** Every sentence that a person reads on one of our pages; an error's title is in src/errors.ts. */
export const texts = {
  language: 'en',
  support: 'Need help?',
  toHome: 'Go to the start page',
  toSignIn: 'Sign in',
  toOtherAccount: 'Sign in with another account',
  tryAgain: 'Try again',

  chooser: { title: 'How would you like to sign in?' },

  handOff: {
    sign_in: { title: 'Signing you in', advice: 'You will be taken back in a moment.', link: 'Go on' },
    signed_out: { title: 'Please sign in', advice: 'You will be taken to the sign-in in a moment.', link: 'Sign in' },
    back: { title: 'One moment', advice: 'You will be taken back in a moment.', link: 'Go on' },
    bounce: { title: 'One moment', advice: 'Looking whether you are signed in already.', link: 'Go on' },
    returned: {
      title: 'You are signed in',
      advice: 'You are taken back to the program. Never copy the address of this page, or of the next one, to anybody.',
      link: 'Back to the program',
    },
    denied: { title: 'Not approved', advice: 'The program was told that you said no.', link: 'Back to the program' },
    failed: { title: 'The sign-in came to nothing', advice: 'The program is told so now.', link: 'Back to the program' },
    sign_out: { title: 'Signing you out', advice: 'You are signed out here. The sign-in service is told now.', link: 'Go on' },
  },

  approval: {
    title: 'Let this program in?',
    asks: 'wants to act here for',
    matching: 'The program must show the same letters:',
    warning:
      'Go on only if you yourself have just started it. If somebody sent you here, or asked you to copy an address, say no: they would get in as you.',
    program: 'Program',
    unverified: '(nobody has checked that it is this program)',
    mayDo: 'May do',
    none: 'Leave at least one, or say no.',
    at: 'At',
    until: 'At the longest until',
    goesTo: 'The answer goes to',
    loopback: 'this computer, port',
    started: 'Started',
    from: 'from',
    approve: 'Yes, let it in',
    deny: 'No',
    notYou: 'Not you?',
  },

  agentForm: {
    title: 'New agent session',
    which: 'An agent of which program?',
    advice:
      'You get a handle: a secret by which a job or an assistant acts here in your place, and may do what you choose now and nothing else. Give it no more than it needs.',
    labels: { name: 'Name', routes: 'Calls', maxCalls: 'How many calls', life: 'How long' },
    hints: {
      name: 'What you will know it by in your list of sessions.',
      routes: 'One on a line, such as GET /api/orders/* for all below it. Leave it empty for all that it may do.',
      maxCalls: 'It ends with the next one. Leave it empty for no limit.',
      life: 'It ends then, used or not.',
    },
    faults: {
      name: 'Up to 64 letters, digits, spaces and . _ : / @ -, beginning with a letter or a digit.',
      scopes: 'Tick at least one.',
      routes: 'Each line is a method or *, a space and a path: GET /api/orders/7, or GET /api/orders/*. Up to 50 lines.',
      maxCalls: 'A whole number from 1 to 1000000, or nothing.',
      life: 'Choose one of these.',
    },
    next: 'Go on',
  },
  agentLimits: { calls: 'Calls', allCalls: 'all that it may do', atMost: 'At most', noLimit: 'any number of calls', count: 'calls' },
  agentApproval: {
    title: 'Make this agent session?',
    willAct: 'will act here for',
    warning:
      'Go on only if you yourself have just asked for it. Whoever has the handle that you get can do this as you: hand it to nobody but the agent.',
    ends: 'Ends',
    afterYes: 'after your yes, used or not',
    approve: 'Yes, make it',
  },
  agentHandle: {
    title: 'Your agent session',
    advice:
      'Copy the handle now: it is shown this once, and nobody can show it again. Whoever has it acts as you. It goes to the agent and nowhere else.',
    label: 'Handle of',
    toEnd: 'To end it before, sign it out under',
    orPost: ', or send the handle as token to',
  },

  device: {
    title: 'Sign in on a device',
    advice: 'Type the code that your device or terminal shows. If somebody has sent you this code, do not: they would get in as you.',
    label: 'Code',
    wrong: 'There is no such code, or its ten minutes are over.',
    next: 'Go on',
  },
  done: {
    approved: { title: 'You are signed in', advice: 'Go back to your device: it goes on by itself. You can close this page.' },
    denied: { title: 'Not approved', advice: 'The device is told that you said no. You can close this page.' },
    no_agent: { title: 'Not made', advice: 'You said no, and there is no agent session. You can close this page.' },
    late: { title: 'Too late', advice: 'The device waits no longer. Start the sign-in there once more.' },
  },

  confirmLogout: { title: 'Sign out?', advice: 'You will be signed out in this browser.', button: 'Sign out', stay: 'Stay signed in' },

  signedOut: {
    title: 'You are signed out',
    advice: 'If other people use this computer, close the browser as well.',
  },

  frontChannel: { title: 'Sign-out', advice: 'The sign-in service has told us that it signs you out.' },

  account: {
    title: 'Where you are signed in',
    signedInAs: 'You are signed in as',
    advice: 'If you do not know one of these, sign it out.',
    kinds: { browser: 'Browser', native: 'Program', agent: 'Agent' },
    unknownDevice: 'Unknown device',
    current: 'This browser',
    kind: 'Kind',
    approvedIn: 'Approved in',
    site: 'Site',
    signedIn: 'Signed in',
    from: 'from',
    lastUsed: 'Last used',
    mayDo: 'May do',
    everything: 'Everything you may do here',
    nothing: 'Nothing that needs a permission',
    calls: 'Calls',
    of: 'of',
    left: 'left',
    signOut: 'Sign out',
    signOutOthers: 'Sign out everywhere else',
    nowhereElse: 'You are signed in nowhere else.',
    newAgent: 'New agent session',
  },

  error: { code: 'Error', requestId: 'Request' },
} as const

/** What a person can do about an error, and the link that helps. */
export interface Advice {
  readonly text: string
  readonly link: 'home' | 'sign_in' | 'other_account' | 'retry'
}

const notConfirmed = {
  text: 'The sign-in service did not confirm you in the way that this page asks for. You are signed in as before.',
  link: 'sign_in',
} as const

const badProgram = {
  text: 'The program that opened this page is not known here, or wants the answer sent where it may not go. Tell whoever gave it to you.',
  link: 'home',
} as const

/** Where the reason of an error says more than its code. */
export const adviceByReason: Readonly<Record<string, Advice>> = {
  unknown_client: badProgram,
  redirect_uri: badProgram,
  state_too_long: badProgram,
  request_uri: { text: 'The program has to start the sign-in anew: each one works once, for five minutes.', link: 'home' },
  acr_not_met: notConfirmed,
  step_up_in_vain: notConfirmed,
  other_person: { text: 'Somebody else has signed in than you are here. You are signed in as before.', link: 'sign_in' },
}

const askSupport = 'If it happens again, tell support the two lines below.'
const signInAgain = 'Sign in again to go on.'

/** One row for each code, so that a new code cannot do without. */
export const advice: Readonly<Record<GatewayErrorCode, Advice>> = {
  bad_request: { text: `Go back and try once more. ${askSupport}`, link: 'home' },
  ambiguous_path: { text: 'Check the address for stray characters, or begin at the start page.', link: 'home' },
  navigation_required: { text: 'Type or paste the address into the address bar.', link: 'home' },
  attempt_unknown: { text: 'A sign-in stays open for ten minutes, in the browser that began it.', link: 'sign_in' },
  attempt_replayed: { text: 'Each sign-in works once. If you are signed in already, go to the start page.', link: 'sign_in' },
  two_credentials: { text: `A program sends a session of its own beside yours. ${askSupport}`, link: 'home' },
  not_signed_in: { text: 'This page is for people who are signed in.', link: 'sign_in' },
  session_idle: { text: signInAgain, link: 'sign_in' },
  session_expired: { text: signInAgain, link: 'sign_in' },
  session_revoked: { text: 'You, an administrator or the sign-in service ended the session.', link: 'sign_in' },
  invalid_handle: { text: signInAgain, link: 'home' },
  step_up_required: { text: 'This page asks for a fresh or a stronger sign-in.', link: 'sign_in' },
  cross_site_refused: { text: 'Begin at the start page, not from another site.', link: 'home' },
  access_denied: { text: 'The sign-in was cancelled, or this account has no access. Another account may have it.', link: 'other_account' },
  insufficient_scope: { text: 'Ask whoever looks after this service for the permission.', link: 'home' },
  claim_missing: { text: 'Ask whoever looks after this service to add you.', link: 'home' },
  no_route: { text: 'Check the address, or begin at the start page.', link: 'home' },
  method_not_allowed: { text: `Go back and try once more. ${askSupport}`, link: 'home' },
  request_timeout: { text: 'Check your connection and try again.', link: 'retry' },
  body_too_large: { text: 'Send less at a time.', link: 'home' },
  uri_too_long: { text: 'Begin at the start page.', link: 'home' },
  wrong_authority: { text: 'Check the address.', link: 'home' },
  too_many_requests: { text: 'Try again in a few seconds.', link: 'retry' },
  headers_too_large: { text: 'Delete the cookies of this site and try again.', link: 'home' },
  upstream_unreachable: { text: `Try again in a minute. ${askSupport}`, link: 'retry' },
  upstream_invalid_response: { text: `Try again in a minute. ${askSupport}`, link: 'retry' },
  store_unavailable: { text: 'Try again in a few seconds.', link: 'retry' },
  idp_unavailable: { text: 'The sign-in service does not answer. Try again in a minute.', link: 'sign_in' },
  upstream_busy: { text: 'Try again in a few seconds.', link: 'retry' },
  upstream_timeout: { text: `Try again in a minute. ${askSupport}`, link: 'retry' },
}
