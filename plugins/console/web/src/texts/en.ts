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

    // An operator's brand
    welcome: ["Find out what is wrong with your web servers, how grave it is, and how to mend it - together with your team.",
              "Sign up, start an audit, and see its findings while it runs."],
    ownLinks: { imprint: "Imprint", privacy: "Privacy", terms: "Terms", support: "Support" },

    // The API's reference
    apiReference: "API", apiLead: "Everything that these pages do goes through this API, and everything that it does is open to programs.",
    apiToken: "Programs authenticate with a token, which is made on the page of your account. The commands here take it from a variable of the shell:",
    calls: (n: number) => n === 1 ? "1 call" : `${n} calls`, needed: "needed", membersOf: "members", gatedBy: "For whom it is:", publicCall: "For everybody.",
    tryIt: "Try it", parameters: "Parameters", body: "Body", answers: "Answers",

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
    newAudit: "New audit", startAudit: "Start the audit", auditName: "Name (if you like)", targetsHint: "Addresses of web servers, such as example.com",
    someTargets: (n: number) => n === 1 ? "1 target" : `${n} targets`, notTargets: (list: string) => `Not an address of the web: ${list}`,
    all: "All", noAudits: "There is no such audit.", progress: "Progress", audit: "Audit", finished: "Finished", results: "Results", cancelAudit: "Cancel the audit",
    deleteAudit: "Delete", deleteAuditLead: (name: string) => `“${name}” and all that it found will be gone for good.`, deleteForGood: "Delete for good",
    noScore: "Nothing could be tested, so there is no score.",
    findings: "Findings", findingStatus: { PASS: "Passed", FAIL: "Failed", MANUAL: "Look yourself", ERROR: "Not reached" },
    severity: "Severity", search: "Search", check: "Check", resource: "Resource", comment: "Comment", time: "Time", allOfCheck: "All findings of this check",
    onlyCheck: (name: string) => `Only ${name}`, firstFindings: (n: string) => `${n} findings so far; more come as you scroll.`,
    ordering: "Sorted by", orders: { id: "As found", severity: "Severity", status: "Status", check_name: "Check", resource_id: "Resource", "-timestamp": "Time, newest first" },
    allFindings: (n: number, shown: string) => n === 0 ? "No findings." : n === 1 ? "1 finding." : `${shown} findings.`,
    nextUpgrade: "Upgrade to export what was found.",

    // A finding, and what people decide about it
    seen: "What was seen", whatItMeans: "What it means", whatMends: "What mends it", linesFor: (server: string) => `Lines for ${server}`,
    reference: (host: string) => `More about it at ${host}`, noExplanation: "The scanner does not say more about this check.",
    allOfResource: "All findings of this resource", decision: "Your organization's decision",
    decisionLead: "It is about this check of this resource, in earlier and later audits too. What was measured stays as it is.",
    noDecision: "Nobody has decided anything yet.", decided: "Decided", muted: "Muted", mutedOrNot: { true: "Muted", false: "Not muted" }, mute: "Mute", unmute: "End the mute",
    muteLead: "Mute this finding", muteReason: "Reason", muteReasonHint: "Why it needs no attention, for your colleagues.", muteUntil: "Until",
    muteUntilHint: "The last day of the mute; without one it lasts until somebody ends it.", mutedUntil: (when: string) => `until ${when}`,
    mutedForGood: "without an end", muteEnded: (when: string) => `ended on ${when}`, mutedNow: "It is muted.", unmutedNow: "It is not muted any more.",
    ourComment: "Your comment", ourCommentHint: "Everybody in your organization reads it. Empty: none.", saveComment: "Save the comment",
    decideAll: "Decide about all of these …", decideAllLead: "This is about all findings that the filter finds.",
    decideAllFound: (n: number, shown: string) => n === 1 ? "This is about the one finding that the filter finds." : `This is about all ${shown} findings that the filter finds.`,
    decideWhat: "What to do", decideAllNow: "Do it for all", commentAllHint: "It takes the place of each finding's comment. Empty: takes them away.",
    changedAll: (n: number, shown: string) => n === 1 ? "1 finding is changed." : `${shown} findings are changed.`,

    // The export
    exportTitle: "Export", exportAs: (format: string) => `Export as ${format}`, exportFormats: { csv: "CSV", jsonl: "JSON lines", sarif: "SARIF", ocsf: "OCSF", html: "Report to print" },
    exportMeans: { csv: "For spreadsheets", jsonl: "For programs: an object a line", sarif: "For code scanning and editors", ocsf: "For a SIEM or a data lake",
                   html: "A page to be read, printed or kept as PDF" },
    exportGzip: "Compressed (gzip)", exportSome: "Only what status, severity, check and search below let through",

    // Two audits compared
    compare: "Compare these two", compareThis: (name: string) => `Compare ${name}`, compareHint: (chosen: number): string => chosen ? "Choose one more to compare it with." : "Choose two audits to compare them.",
    diff: "What has changed", diffBefore: "Before", diffAfter: "After", diffNothing: "not reported",
    diffOthers: "These audits are of different targets: what only one of them looked at counts as new or fixed.",
    changes: { new: "New", fixed: "Fixed", unclear: "No longer clear", unchanged: "Unchanged" },
    diffCount: (n: number, shown: string) => n === 0 ? "Nothing like that." : n === 1 ? "1 finding." : `${shown} findings.`,
    rowsInSight: (first: string, last: string, all: string) => all ? `${first} to ${last} of ${all}` : `${first} to ${last}`, toFirst: "To the first", toLast: "To the last",

    // The score, and hosts of one's own
    scoreWhy: "How the score is made", test: "Test", checks: "Checks", resources: "Resources", points: "Points",
    scoreRules: (resources: string) => `Each resource begins with 100 points; there are ${resources} here. A failed check costs points, of the checks of one test only the dearest; what is done beyond them earns some, from 90 points on. The score is the mean over all resources, rounded down. What nobody could decide neither costs nor earns.`,
    pointsOf: (severity: string) => `Findings without points of their own: ${severity}`, nothingLost: "Nothing was lost, and nothing earned.",
    hosts: "Your hosts", hostsLead: "Some things are not asked of strangers. Show that a host is yours, and audits look for them too, such as whether its directories list their files.",
    host: "Host", hostHint: "A name such as www.example.com, without https:// and path. A subdomain is a host of its own.", addHost: "Add the host", noHosts: "There is none yet.",
    hostProved: "Proved", hostUnproved: "Not proved yet", hostProvedAt: (when: string) => `The last audit that found the proof: ${when}`, hostAdded: (when: string) => `Added: ${when}`,
    hostHow: "How to prove it", hostFile: "Serve a text file at", hostRecord: ", or make a TXT record of", hostLine: "Put this line into it, beside others if there are some.", hostToken: (host: string) => `Proof for ${host}`,
    hostAudit: "Start an audit of the host: every audit looks for the proof anew.", removeHost: "Remove the host",
    removeHostLead: (host: string) => `${host} counts as a stranger's again. If you add it once more, it gets another proof.`,

    // Bad days
    logInElsewhere: "Log in in another window, then try again here.", sessionEnded: "Your session has ended. Nothing that you typed is lost.",
    askForRole: "Your role in this organization does not allow it; one of its administrators can change that.", reloadPage: "Please reload the page and try again.",
    retried: "It is tried again by itself.", waitSeconds: (seconds: number) => seconds === 1 ? "Try again in a second." : `Try again in ${seconds} seconds.`,
    olderApi: "The service is older than this page and cannot do this yet. Everything else works; whoever runs the service can update it.",
    historyOf: (target: string) => `Scores of audits of ${target}`, openBySeverity: "Open findings by severity", seeOpen: "See what failed",

    // Schedules
    schedules: "Schedules", schedulesLead: "Audits that start by themselves.", newSchedule: "New schedule", createSchedule: "Create the schedule", noSchedules: "There is none yet.",
    howOften: "How often", presets: { daily: "Every day", weekdays: "Monday to Friday", weekly: "Once a week", monthly: "Once a month", hourly: "Every hour", own: "By an expression of your own" },
    onDay: "On", onDayOfMonth: "On day", atTime: "At", atMinute: "At minute", timeZone: "Time zone", cron: "Expression",
    cronHint: "Five fields as in crontab: minute, hour, day, month, weekday. Each is *, a number, a range 1-5, several with commas, or with a step */15.",
    everyDay: (time: string) => `Every day at ${time}`, everyWeekday: (time: string) => `Monday to Friday at ${time}`, everyWeek: (day: string, time: string) => `${day}s at ${time}`,
    everyMonth: (day: number, time: string) => `On day ${day} of each month at ${time}`, everyHour: (minute: string) => `Every hour at minute ${Number(minute)}`,
    scheduleOn: "On", schedulePaused: "Paused", nextRun: "Next", lastRun: "Last due", lastOfIt: "its last audit", notStarted: (why: string) => `Nothing was started then: ${why}`,
    changeIt: "Change", pause: "Pause", deleteIt: "Delete the schedule", deleteScheduleLead: (name: string) => `“${name}” starts nothing any more. What it has started stays.`,
    bySchedule: "started by a schedule", chooseTime: "Choose a time.", numberWithin: (least: number, most: number) => `A number from ${least} to ${most}.`,
    allOfIt: "all of its audits", onlySchedule: "Only of one schedule", alerts: "Mail to you", alertNewCritical: "When an audit of this organization has found something critical that was not there before",

    // Billing
    billing: "Billing", upgrade: "Upgrade", askAdmin: "An administrator of your organization can upgrade.", plans: "Plans", yourPlan: "Your plan",
    standsFree: "You are on the free plan.", standsActive: (plan: string) => `${plan} is active.`,
    standsRenews: (plan: string, when: string) => `${plan}, renews on ${when}.`, standsEnds: (plan: string, when: string) => `${plan}, ends on ${when}.`,
    standsTrial: (plan: string, when: string) => `${plan}, in trial until ${when}.`, standsGrace: (when: string) => `The last payment failed. You have access until ${when}.`,
    standsExpired: "Your subscription has expired: a payment failed or is missing.", standsCanceled: (when: string) => when ? `Your subscription ended on ${when}.` : "Your subscription has ended.",
    allFeatures: "Everything", features: { export: "Export of findings" }, limitNames: { members: "Members", audits: "Audits", targets: "Targets of an audit", schedules: "Schedules" },
    limited: (limit: string, name: string, per: string | null) => `${name}: ${limit}${per === "month" ? " a month" : per === "day" ? " a day" : ""}`,
    perMember: "for each member", usage: "Used", usedOf: (used: string, limit: string) => `${used} of ${limit}`, atMost: (limit: string) => `at most ${limit}`,
    resets: (when: string) => `until ${when}`, adminsPay: "Administrators of the organization change the plan.", manage: "Card, plan, invoices, cancellation",
    manageMeans: "On the pages of Stripe, who collects the payments for us.",
    per: (interval: string, count: number) => count === 1 ? ` a ${interval}` : ` every ${count} ${interval}s`,
    returnTitle: "Your payment", waitingForStripe: "Thank you. We are waiting for Stripe to confirm the payment; this takes a few seconds.",
    stillWaiting: "Stripe has not confirmed the payment yet. It goes on without you: you may leave this page.",
    paid: "The payment has arrived. Everything of your new plan is there now.", notPaid: "There was no payment. Nothing has changed.",
    nextInvite: "Invite your colleagues.",

    // Team
    team: "Team", members: "Members", name: "Name", since: "Since", you: "you", remove: "Remove", leave: "Leave", roleOf: (name: string) => `Role of ${name}`,
    removeLead: (name: string) => `${name} loses access at once, and so do the tokens and invites that they made here.`,
    leaveLead: (name: string) => `You lose access to ${name} at once.`, invites: "Invites", invite: "Invite", inviteLink: "Link of the invite",
    inviteLinkLead: "It is shown this once, and works once. It has been mailed as well, where mail is set up.", noInvites: "Nobody has been invited yet.",
    inviteStates: { pending: "Open", accepted: "Accepted", revoked: "Revoked", expired: "Expired" }, resend: "Send again", revoke: "Revoke",

    // Activity
    activity: "Activity", activityLead: "What has happened in this organization. Nothing of it can be changed.", action: "Action", byWhom: "By", from: "From", before: "Before",
    what: "What", change: "Change", noActivity: "Nothing like that has happened.", somebody: "Somebody", aToken: "A token", theSystem: "The system",

    // Settings
    settings: "Settings", save: "Save", saved: "Saved.", slug: "Short name in addresses", slugHint: "3 to 50 small letters, digits and hyphens. Links with the old one stop working.",
    deleteOrganization: "Delete the organization", deleteOrganizationLead: "Its audits, members and subscription end at once, for everybody.",
    typeName: (name: string) => `Type the name, ${name}, to delete it.`, notTheName: "This is not its name.",
    newOrganization: "New organization", newOrganizationLead: "You become its administrator.", create: "Create",

    // Account
    account: "Your account", profile: "Profile", defaultOrganization: "Organization to begin in", verified: "confirmed", notVerified: "not confirmed",
    changeEmail: "Change the address", newEmail: "New e-mail address", oldPassword: "Present password", sessions: "Where you are logged in", browser: "Browser",
    address: "From", thisOne: "here", end: "End", tokens: "API tokens", tokensLead: "For programs that act for you.", createToken: "Create a token", tokenName: "What is it for?",
    tokenOnce: "Copy it now: it is shown this once.", allOrganizations: "All of mine", myRole: "As mine", expires: "Ends", expiresHint: "Without a date it lasts until you revoke it.",
    lastUsed: "Last used", never: "never", noTokens: "There is no token.", deleteAccount: "Delete your account",
    deleteAccountLead: "You are out of every organization at once; those where you are alone go with you.",

    // Imports
    importFindings: "Import findings of another scanner", importFile: "Import", file: "File", format: "Format",
    formats: { generic: "CSV, as in our export", "prowler-csv": "Prowler (CSV)", ocsf: "OCSF (JSON, as of Prowler)", sarif: "SARIF 2.1.0", trivy: "Trivy (JSON)" },
    importMore: "Add another file", importArrived: "It has arrived …", chooseFile: "Choose a file.",
    imported: (added: string, known: string, skipped: string, bad: string) => `findings added: ${added}, there already: ${known}; records that are no findings: ${skipped}, that could not be read: ${bad}`,
    badRecords: (n: number, shown: string, all: string) => String(n) === all ? `What could not be read (${shown})` : `What could not be read (the first ${shown} of ${all})`,

    // Outgoing webhooks
    webhooks: "Webhooks", webhooksLead: "Your own servers are told of what happens here, in signed messages.", addEndpoint: "Add a server", endpointUrl: "Address (https://…)",
    events: "Of what", eventsHint: "* for everything, a group such as member.*, or types; several with commas between them.", secret: "Secret of the signature",
    secretOnce: "Copy it now: it is shown this once.", enabled: "On", disabled: "Off", disabledBecause: { failing: "Off: it has failed for too long", gone: "Off: it said that it is gone" },
    enable: "Switch on", disable: "Switch off", newSecret: "New secret", deleteEndpoint: "Delete", deleteEndpointLead: (url: string) => `${url} is told of nothing any more; what waits is not sent.`,
    deliveries: "Deliveries", noDeliveries: "Nothing has been sent yet.", sendTest: "Send a test", event: "Event", answer: "Answer", replay: "Send again",
    deliveryStates: { queued: "Waiting", succeeded: "Delivered", failed: "Failed" }, milliseconds: (n: string) => `${n} ms`, nextAttempt: (when: string) => `Next attempt: ${when}`,
};

export type Texts = typeof en;
