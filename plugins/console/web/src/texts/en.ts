// English. What is here has to be in every other language: the compiler compares them.
export const en = {
    // Everywhere
    skip: "Skip to the content", language: "Language", loading: "Loading …", pages: "Pages", close: "Close", copy: "Copy", copied: "Copied",
    more: "Show more", tryAgain: "Try again", goOn: "Go on", toStart: "To the start page", status: "Status", cancel: "Cancel",
    checkFields: "Please look at the fields that are marked.",
    unavailable: "The service cannot be reached at the moment. Nothing that you typed is lost; please try again.",
    offline: "There was no answer: the connection may be cut. Nothing that you typed is lost; please try again.",
    throttled: "That was a little too often. Please wait a moment.",
    notFoundTitle: "Not found", notFound: "There is nothing here, or nothing that you may see.",
    unexpected: "The answer could not be understood. Please reload the page.",
    brokenTitle: "Something went wrong", broken: "This page did not work as it should. Please reload it.",
    logInElsewhere: "Your session has ended. Log in in another window, then try again here.",
    verifyAtAccount: "Verify your address on the page of your account.", seePlans: "See plans",

    // Signing up, logging in
    logIn: "Log in", logOut: "Log out", signUp: "Sign up", email: "E-mail address", password: "Password", newPassword: "New password",
    passwordHint: "At least 10 characters; a few words are better than many signs.", forgot: "Forgot your password?", newHere: "New here?",
    haveAccount: "Have an account already?", yourName: "Your name", organizationName: "Name of your organization",
    organizationHint: "You become its administrator. It can be changed later.",
    forgotTitle: "Forgot your password", forgotLead: "We send you a link with which you can set a new one.", sendLink: "Send the link",
    resetTitle: "Set a new password", setPassword: "Set the password", resetDone: "Your password is set. All other sessions have ended.",
    anotherLink: "Have another link sent", verifyTitle: "Verify your address", verifyLead: "Is this your address? Then please confirm it.",
    verify: "Confirm the address", verifyDone: (email: string) => `${email} is confirmed.`,
    loggedOut: "You are logged out", loggedOutLead: "What this browser had kept of your visit is gone.",

    // Invites
    inviteTitle: (name: string) => `Join ${name}`, noInvite: "This invite does not work", askForAnother: "Ask whoever invited you for a new one.",
    invitedBy: "Invited by", invitedAs: "For the address", validUntil: "Valid until", loggedInAs: (email: string) => `You are logged in as ${email}.`,
    accept: "Accept the invite", mismatchHint: "Then open the link again.", iAmNew: "I am new", iHaveAccount: "I have an account",
    logInAccept: "Log in and accept", signUpAccept: "Sign up and accept",

    // Organizations
    organization: "Organization", role: "Role", chooseOrganization: "Choose an organization",
    roles: { ADMIN: "Administrator", MEMBER: "Member", VIEWER: "Viewer" },
    roleMeans: { ADMIN: "does everything, also billing and people", MEMBER: "starts audits and works with them", VIEWER: "reads" },
    noSuchOrganization: "There is no such organization, or you are not in it. Ask one of its administrators to invite you.",
    noOrganization: "You are in no organization", noOrganizationLead: "Ask somebody to invite you.",

    // Overview and audits
    overview: "Overview", audits: "Audits", score: "Score", started: "Started", targets: "Targets", lastAudits: "Last audits",
    checkedBySeverity: "Checks by severity", whatNext: "What to do next", nextFirst: "Start your first audit.",
    nextWait: "There is no audit yet. Members of the organization can start one.",
    scoreHistory: (scores: string) => `Scores over time: ${scores}`,
    auditStatus: { queued: "Waiting", running: "Running", completed: "Completed", failed: "Failed", canceled: "Canceled" },
    severities: { critical: "Critical", high: "High", medium: "Medium", low: "Low", informational: "Informational" },
};

export type Texts = typeof en;
