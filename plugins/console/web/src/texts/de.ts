// Deutsch.
import type { Texts } from "./en";

export const de: Texts = {
    // Überall
    skip: "Zum Inhalt springen", language: "Sprache", loading: "Wird geladen …", pages: "Seiten", close: "Schließen", copy: "Kopieren", copied: "Kopiert",
    more: "Mehr anzeigen", tryAgain: "Noch einmal versuchen", goOn: "Weiter", toStart: "Zur Startseite", status: "Status", cancel: "Abbrechen",
    checkFields: "Bitte prüfen Sie die markierten Felder.",
    unavailable: "Der Dienst ist im Augenblick nicht erreichbar. Ihre Eingaben sind nicht verloren; bitte versuchen Sie es noch einmal.",
    offline: "Es kam keine Antwort, vielleicht ist die Verbindung unterbrochen. Ihre Eingaben sind nicht verloren; bitte versuchen Sie es noch einmal.",
    throttled: "Das war etwas zu oft. Bitte warten Sie einen Augenblick.",
    notFoundTitle: "Nicht gefunden", notFound: "Hier ist nichts, oder nichts, das Sie sehen dürfen.",
    unexpected: "Die Antwort war nicht zu verstehen. Bitte laden Sie die Seite neu.",
    brokenTitle: "Etwas ist schiefgegangen", broken: "Diese Seite hat nicht funktioniert, wie sie soll. Bitte laden Sie sie neu.",
    verifyAtAccount: "Bestätigen Sie Ihre Adresse auf der Seite Ihres Kontos.", seePlans: "Tarife ansehen",

    // Registrieren und anmelden
    logIn: "Anmelden", logOut: "Abmelden", signUp: "Registrieren", email: "E-Mail-Adresse", password: "Passwort", newPassword: "Neues Passwort",
    passwordHint: "Mindestens 10 Zeichen; ein paar Wörter sind besser als viele Sonderzeichen.", forgot: "Passwort vergessen?", newHere: "Neu hier?",
    haveAccount: "Haben Sie schon ein Konto?", yourName: "Ihr Name", organizationName: "Name Ihrer Organisation",
    organizationHint: "Sie verwalten sie. Der Name lässt sich später ändern.",
    forgotTitle: "Passwort vergessen", forgotLead: "Wir schicken Ihnen einen Link, mit dem Sie ein neues setzen können.", sendLink: "Link schicken",
    resetTitle: "Neues Passwort setzen", setPassword: "Passwort setzen", resetDone: "Ihr Passwort ist gesetzt. Alle anderen Sitzungen sind beendet.",
    anotherLink: "Einen anderen Link anfordern", verifyTitle: "Adresse bestätigen", verifyLead: "Ist das Ihre Adresse? Dann bestätigen Sie sie bitte.",
    verify: "Adresse bestätigen", verifyDone: email => `${email} ist bestätigt.`,
    loggedOut: "Sie sind abgemeldet", loggedOutLead: "Was dieser Browser von Ihrem Besuch behalten hatte, ist gelöscht.",

    // Was Betreiber zu ihrem machen
    welcome: ["Erfahren Sie, was an Ihren Webservern nicht stimmt, wie schwer es wiegt und wie es zu beheben ist - zusammen mit Ihrem Team.",
              "Registrieren Sie sich, starten Sie ein Audit und sehen Sie die Ergebnisse, während es läuft."],
    ownLinks: { imprint: "Impressum", privacy: "Datenschutz", terms: "Nutzungsbedingungen", support: "Hilfe" },

    // Die Referenz der API
    apiReference: "API", apiLead: "Was diese Seiten tun, tun sie über diese API, und was sie kann, steht auch Programmen offen.",
    apiToken: "Programme weisen sich mit einem Token aus, das auf der Seite Ihres Kontos entsteht. Die Befehle hier lesen es aus einer Variablen der Shell:",
    calls: n => n === 1 ? "1 Aufruf" : `${n} Aufrufe`, needed: "nötig", membersOf: "Felder", gatedBy: "Für wen:", publicCall: "Für alle.",
    tryIt: "Ausprobieren", parameters: "Parameter", body: "Inhalt", answers: "Antworten",

    // Einladungen
    inviteTitle: name => `${name} beitreten`, noInvite: "Diese Einladung gilt nicht", askForAnother: "Bitten Sie um eine neue Einladung.",
    invitedBy: "Eingeladen von", invitedAs: "Für die Adresse", validUntil: "Gültig bis", loggedInAs: email => `Sie sind als ${email} angemeldet.`,
    accept: "Einladung annehmen", mismatchHint: "Öffnen Sie danach den Link noch einmal.", iAmNew: "Ich bin neu", iHaveAccount: "Ich habe ein Konto",
    logInAccept: "Anmelden und annehmen", signUpAccept: "Registrieren und annehmen",

    // Organisationen
    organization: "Organisation", role: "Rolle", chooseOrganization: "Organisation wählen",
    roles: { ADMIN: "Verwaltung", MEMBER: "Mitglied", VIEWER: "Lesend" },
    roleMeans: { ADMIN: "darf alles, auch Abrechnung und Personen", MEMBER: "startet Audits und arbeitet mit ihnen", VIEWER: "liest" },
    noSuchOrganization: "Diese Organisation gibt es nicht, oder Sie gehören ihr nicht an. Bitten Sie ihre Verwaltung um eine Einladung.",
    noOrganization: "Sie gehören keiner Organisation an", noOrganizationLead: "Bitten Sie um eine Einladung.",

    // Überblick und Audits
    overview: "Überblick", audits: "Audits", score: "Punktzahl", started: "Gestartet", targets: "Ziele", lastAudits: "Letzte Audits",
    checkedBySeverity: "Prüfungen nach Schwere", whatNext: "Was als Nächstes zu tun ist", nextFirst: "Starten Sie Ihr erstes Audit.",
    nextWait: "Es gibt noch kein Audit. Mitglieder der Organisation können eines starten.",
    scoreHistory: scores => `Punktzahlen im Verlauf: ${scores}`,
    auditStatus: { queued: "Wartet", running: "Läuft", completed: "Fertig", failed: "Gescheitert", canceled: "Abgebrochen" },
    severities: { critical: "Kritisch", high: "Hoch", medium: "Mittel", low: "Niedrig", informational: "Hinweis" },
    newAudit: "Neues Audit", startAudit: "Audit starten", auditName: "Name (wenn Sie möchten)", targetsHint: "Adressen von Webservern, etwa example.com",
    someTargets: n => n === 1 ? "1 Ziel" : `${n} Ziele`, notTargets: list => `Keine Adresse im Web: ${list}`,
    all: "Alle", noAudits: "Ein solches Audit gibt es nicht.", progress: "Fortschritt", audit: "Audit", finished: "Beendet", results: "Ergebnisse", cancelAudit: "Audit abbrechen",
    deleteAudit: "Löschen", deleteAuditLead: name => `„${name}“ und alles, was es gefunden hat, ist dann endgültig weg.`, deleteForGood: "Endgültig löschen",
    noScore: "Es konnte nichts geprüft werden, deshalb gibt es keine Punktzahl.",
    findings: "Befunde", findingStatus: { PASS: "Bestanden", FAIL: "Fehler", MANUAL: "Selbst prüfen", ERROR: "Nicht erreicht" },
    severity: "Schwere", search: "Suche", check: "Prüfung", resource: "Gegenstand", comment: "Bemerkung", time: "Zeit", allOfCheck: "Alle Befunde dieser Prüfung",
    onlyCheck: name => `Nur ${name}`, firstFindings: n => `Bisher ${n} Befunde; weitere kommen beim Blättern.`,
    ordering: "Sortiert nach", orders: { id: "Wie gefunden", severity: "Schwere", status: "Stand", check_name: "Prüfung", resource_id: "Gegenstand", "-timestamp": "Zeit, neueste zuerst" },
    allFindings: (n, shown) => n === 0 ? "Keine Befunde." : n === 1 ? "1 Befund." : `${shown} Befunde.`,
    nextUpgrade: "Wechseln Sie den Tarif, um Befunde zu exportieren.",

    // Ein Befund, und was Menschen dazu entscheiden
    seen: "Was zu sehen war", whatItMeans: "Was es bedeutet", whatMends: "Was hilft", linesFor: server => `Zeilen für ${server}`,
    reference: host => `Mehr dazu bei ${host}`, noExplanation: "Der Scanner sagt zu dieser Prüfung nicht mehr.",
    allOfResource: "Alle Befunde dieses Gegenstands", decision: "Entscheidung Ihrer Organisation",
    decisionLead: "Sie gilt dieser Prüfung dieses Gegenstands, auch in früheren und späteren Audits. Was gemessen wurde, bleibt, wie es ist.",
    noDecision: "Noch hat niemand etwas entschieden.", decided: "Entschieden", muted: "Stumm", mutedOrNot: { true: "Stumm", false: "Nicht stumm" }, mute: "Stummschalten",
    unmute: "Nicht mehr stumm", muteLead: "Diesen Befund stummschalten", muteReason: "Grund", muteReasonHint: "Warum er keine Aufmerksamkeit braucht, für die anderen in Ihrer Organisation.",
    muteUntil: "Bis", muteUntilHint: "Der letzte Tag; ohne ihn bleibt der Befund stumm, bis jemand das ändert.", mutedUntil: when => `bis ${when}`,
    mutedForGood: "ohne Ende", muteEnded: when => `endete am ${when}`, mutedNow: "Der Befund ist stumm.", unmutedNow: "Der Befund ist nicht mehr stumm.",
    ourComment: "Ihr Kommentar", ourCommentHint: "Alle in Ihrer Organisation lesen ihn. Leer: keiner.", saveComment: "Kommentar speichern",
    decideAll: "Über alle diese entscheiden …", decideAllLead: "Das betrifft alle Befunde, die der Filter findet.",
    decideAllFound: (n, shown) => n === 1 ? "Das betrifft den einen Befund, den der Filter findet." : `Das betrifft alle ${shown} Befunde, die der Filter findet.`,
    decideWhat: "Was geschehen soll", decideAllNow: "Für alle ausführen", commentAllHint: "Er tritt an die Stelle des Kommentars jedes Befundes. Leer: entfernt sie.",
    changedAll: (n, shown) => n === 1 ? "1 Befund ist geändert." : `${shown} Befunde sind geändert.`,

    // Der Export
    exportTitle: "Export", exportAs: format => `Als ${format} exportieren`, exportFormats: { csv: "CSV", jsonl: "JSON-Zeilen", sarif: "SARIF", ocsf: "OCSF", html: "Bericht zum Drucken" },
    exportMeans: { csv: "Für Tabellenprogramme", jsonl: "Für Programme: ein Objekt je Zeile", sarif: "Für Code-Scanning und Editoren", ocsf: "Für ein SIEM oder einen Data Lake",
                   html: "Eine Seite zum Lesen, Drucken oder als PDF" },
    exportGzip: "Gepackt (gzip)", exportSome: "Nur was Status, Schwere, Prüfung und Suche unten durchlassen",

    // Zwei Audits im Vergleich
    compare: "Diese beiden vergleichen", compareThis: name => `${name} vergleichen`, compareHint: chosen => chosen ? "Wählen Sie noch eines zum Vergleich." : "Wählen Sie zwei Audits, um sie zu vergleichen.",
    diff: "Was sich geändert hat", diffBefore: "Vorher", diffAfter: "Nachher", diffNothing: "nicht gemeldet",
    diffOthers: "Diese Audits haben verschiedene Ziele: Was nur eines von ihnen geprüft hat, zählt als neu oder behoben.",
    changes: { new: "Neu", fixed: "Behoben", unclear: "Nicht mehr klar", unchanged: "Unverändert" },
    diffCount: (n, shown) => n === 0 ? "Nichts dergleichen." : n === 1 ? "1 Befund." : `${shown} Befunde.`,
    rowsInSight: (first, last, all) => all ? `${first} bis ${last} von ${all}` : `${first} bis ${last}`, toFirst: "Zum ersten", toLast: "Zum letzten",

    // Die Punktzahl, und eigene Hosts
    scoreWhy: "Wie die Punktzahl zustande kommt", test: "Test", checks: "Prüfungen", resources: "Gegenstände", points: "Punkte",
    scoreRules: resources => `Jeder Gegenstand beginnt mit 100 Punkten; hier sind es ${resources}. Eine Prüfung, die scheitert, kostet Punkte, von den Prüfungen eines Tests nur die teuerste; was darüber hinausgeht, bringt welche, ab 90 Punkten. Die Punktzahl ist das Mittel über alle Gegenstände, abgerundet. Was niemand entscheiden konnte, kostet nichts und bringt nichts.`,
    pointsOf: severity => `Befunde ohne eigene Punkte: ${severity}`, nothingLost: "Nichts ist verloren, und nichts dazugekommen.",
    hosts: "Eigene Hosts", hostsLead: "Manches wird Fremde nicht gefragt. Weisen Sie nach, dass ein Host Ihnen gehört, dann prüfen Audits auch das, etwa ob Verzeichnisse ihre Dateien auflisten.",
    host: "Host", hostHint: "Ein Name wie www.example.com, ohne https:// und Pfad. Eine Subdomain ist ein eigener Host.", addHost: "Host hinzufügen", noHosts: "Es gibt noch keinen.",
    hostProved: "Nachgewiesen", hostUnproved: "Noch nicht nachgewiesen", hostProvedAt: when => `Zuletzt fand ein Audit den Nachweis: ${when}`, hostAdded: when => `Hinzugefügt: ${when}`,
    hostHow: "Wie der Nachweis geht", hostFile: "Stellen Sie eine Textdatei bereit unter", hostRecord: " oder legen Sie einen TXT-Eintrag an für", hostLine: "Schreiben Sie diese Zeile hinein, neben andere, wenn es sie gibt.", hostToken: host => `Nachweis für ${host}`,
    hostAudit: "Starten Sie ein Audit des Hosts: Jedes sucht den Nachweis von neuem.", removeHost: "Host entfernen",
    removeHostLead: host => `${host} gilt wieder als fremd. Fügen Sie ihn noch einmal hinzu, bekommt er einen anderen Nachweis.`,

    // Schlechte Tage
    logInElsewhere: "Melden Sie sich in einem anderen Fenster an und versuchen Sie es dann hier noch einmal.", sessionEnded: "Ihre Sitzung ist beendet. Ihre Eingaben sind nicht verloren.",
    askForRole: "Ihre Rolle in dieser Organisation erlaubt das nicht; ihre Verwaltung kann das ändern.", reloadPage: "Bitte laden Sie die Seite neu und versuchen Sie es noch einmal.",
    retried: "Es wird von selbst noch einmal versucht.", waitSeconds: seconds => seconds === 1 ? "Versuchen Sie es in einer Sekunde noch einmal." : `Versuchen Sie es in ${seconds} Sekunden noch einmal.`,
    olderApi: "Der Dienst ist älter als diese Seite und kann das noch nicht. Alles andere geht; wer den Dienst betreibt, kann ihn aktualisieren.",
    historyOf: target => `Punktzahlen der Audits von ${target}`, openBySeverity: "Offene Befunde nach Schwere", seeOpen: "Ansehen, was gescheitert ist",

    // Zeitpläne
    schedules: "Zeitpläne", schedulesLead: "Audits, die von selbst starten.", newSchedule: "Neuer Zeitplan", createSchedule: "Zeitplan anlegen", noSchedules: "Es gibt noch keinen.",
    howOften: "Wie oft", presets: { daily: "Jeden Tag", weekdays: "Montag bis Freitag", weekly: "Einmal in der Woche", monthly: "Einmal im Monat", hourly: "Jede Stunde", own: "Nach einem eigenen Ausdruck" },
    onDay: "Am", onDayOfMonth: "Am Tag", atTime: "Um", atMinute: "Zur Minute", timeZone: "Zeitzone", cron: "Ausdruck",
    cronHint: "Fünf Felder wie in crontab: Minute, Stunde, Tag, Monat, Wochentag. Jedes ist *, eine Zahl, ein Bereich 1-5, mehrere mit Kommas oder mit Schrittweite */15.",
    everyDay: time => `Jeden Tag um ${time}`, everyWeekday: time => `Montag bis Freitag um ${time}`, everyWeek: (day, time) => `Jeden ${day} um ${time}`,
    everyMonth: (day, time) => `Am ${day}. jedes Monats um ${time}`, everyHour: minute => `Jede Stunde zur Minute ${Number(minute)}`,
    scheduleOn: "An", schedulePaused: "Pausiert", nextRun: "Nächstes Mal", lastRun: "Zuletzt fällig", lastOfIt: "sein letztes Audit", notStarted: why => `Da wurde nichts gestartet: ${why}`,
    changeIt: "Ändern", pause: "Pausieren", deleteIt: "Zeitplan löschen", deleteScheduleLead: name => `„${name}“ startet nichts mehr. Was er gestartet hat, bleibt.`,
    bySchedule: "von einem Zeitplan gestartet", chooseTime: "Wählen Sie eine Uhrzeit.", numberWithin: (least, most) => `Eine Zahl von ${least} bis ${most}.`,
    allOfIt: "alle seine Audits", onlySchedule: "Nur von einem Zeitplan", alerts: "Mail an Sie", alertNewCritical: "Wenn ein Audit dieser Organisation etwas Kritisches gefunden hat, das vorher nicht da war",

    // Abrechnung
    billing: "Abrechnung", upgrade: "Tarif wechseln", askAdmin: "Die Verwaltung Ihrer Organisation kann den Tarif wechseln.", plans: "Tarife", yourPlan: "Ihr Tarif",
    standsFree: "Sie nutzen den kostenlosen Tarif.", standsActive: plan => `${plan} ist aktiv.`,
    standsRenews: (plan, when) => `${plan}, verlängert sich am ${when}.`, standsEnds: (plan, when) => `${plan}, endet am ${when}.`,
    standsTrial: (plan, when) => `${plan}, zur Probe bis ${when}.`, standsGrace: when => `Die letzte Zahlung ist gescheitert. Sie haben Zugang bis ${when}.`,
    standsExpired: "Ihr Abonnement ist abgelaufen: Eine Zahlung ist gescheitert oder fehlt.", standsCanceled: when => when ? `Ihr Abonnement endete am ${when}.` : "Ihr Abonnement ist beendet.",
    allFeatures: "Alles", features: { export: "Export von Befunden" }, limitNames: { members: "Mitglieder", audits: "Audits", targets: "Ziele eines Audits", schedules: "Zeitpläne" },
    limited: (limit, name, per) => `${name}: ${limit}${per === "month" ? " im Monat" : per === "day" ? " am Tag" : ""}`,
    perMember: "für jedes Mitglied", usage: "Verbraucht", usedOf: (used, limit) => `${used} von ${limit}`, atMost: limit => `höchstens ${limit}`,
    resets: when => `bis ${when}`, adminsPay: "Den Tarif ändert die Verwaltung der Organisation.", manage: "Karte, Tarif, Rechnungen, Kündigung",
    manageMeans: "Auf den Seiten von Stripe, das die Zahlungen für uns einzieht.",
    per: (interval, count) => count === 1 ? ` je ${({ day: "Tag", week: "Woche", month: "Monat", year: "Jahr" } as Record<string, string>)[interval] ?? interval}`
        : ` alle ${count} ${({ day: "Tage", week: "Wochen", month: "Monate", year: "Jahre" } as Record<string, string>)[interval] ?? interval}`,
    returnTitle: "Ihre Zahlung", waitingForStripe: "Danke. Wir warten, dass Stripe die Zahlung bestätigt; das dauert ein paar Sekunden.",
    stillWaiting: "Stripe hat die Zahlung noch nicht bestätigt. Es geht ohne Sie weiter: Sie können diese Seite verlassen.",
    paid: "Die Zahlung ist angekommen. Alles aus Ihrem neuen Tarif ist jetzt da.", notPaid: "Es gab keine Zahlung. Nichts hat sich geändert.",
    nextInvite: "Laden Sie Ihre Kolleginnen und Kollegen ein.",

    // Team
    team: "Team", members: "Mitglieder", name: "Name", since: "Seit", you: "Sie", remove: "Entfernen", leave: "Austreten", roleOf: name => `Rolle von ${name}`,
    removeLead: name => `${name} verliert den Zugang sofort, ebenso gelten dort angelegte Tokens und Einladungen nicht mehr.`,
    leaveLead: name => `Sie verlieren den Zugang zu ${name} sofort.`, invites: "Einladungen", invite: "Einladen", inviteLink: "Link der Einladung",
    inviteLinkLead: "Er wird nur dieses eine Mal gezeigt und gilt einmal. Er wurde auch gemailt, wo Mail eingerichtet ist.", noInvites: "Noch niemand wurde eingeladen.",
    inviteStates: { pending: "Offen", accepted: "Angenommen", revoked: "Widerrufen", expired: "Abgelaufen" }, resend: "Noch einmal schicken", revoke: "Widerrufen",

    // Aktivität
    activity: "Aktivität", activityLead: "Was in dieser Organisation geschehen ist. Nichts davon lässt sich ändern.", action: "Aktion", byWhom: "Von", from: "Ab", before: "Vor",
    what: "Was", change: "Änderung", noActivity: "So etwas ist nicht geschehen.", somebody: "Jemand", aToken: "Ein Token", theSystem: "Das System",

    // Einstellungen
    settings: "Einstellungen", save: "Speichern", saved: "Gespeichert.", slug: "Kurzname in Adressen", slugHint: "3 bis 50 Kleinbuchstaben, Ziffern und Bindestriche. Links mit dem alten gelten dann nicht mehr.",
    deleteOrganization: "Organisation löschen", deleteOrganizationLead: "Audits, Mitgliedschaften und Abonnement enden sofort, für alle.",
    typeName: name => `Geben Sie den Namen ein, ${name}, um sie zu löschen.`, notTheName: "Das ist nicht ihr Name.",
    newOrganization: "Neue Organisation", newOrganizationLead: "Sie verwalten sie dann.", create: "Anlegen",

    // Konto
    account: "Ihr Konto", profile: "Profil", defaultOrganization: "Organisation am Anfang", verified: "bestätigt", notVerified: "nicht bestätigt",
    changeEmail: "Adresse ändern", newEmail: "Neue E-Mail-Adresse", oldPassword: "Jetziges Passwort", sessions: "Wo Sie angemeldet sind", browser: "Browser",
    address: "Von", thisOne: "hier", end: "Beenden", tokens: "API-Tokens", tokensLead: "Für Programme, die für Sie handeln.", createToken: "Token anlegen", tokenName: "Wofür ist es?",
    tokenOnce: "Kopieren Sie es jetzt: Es wird nur dieses eine Mal gezeigt.", allOrganizations: "Alle meine", myRole: "Wie meine", expires: "Endet", expiresHint: "Ohne Datum gilt es, bis Sie es widerrufen.",
    lastUsed: "Zuletzt benutzt", never: "nie", noTokens: "Es gibt kein Token.", deleteAccount: "Ihr Konto löschen",
    deleteAccountLead: "Sie verlassen sofort jede Organisation; solche, in denen Sie allein sind, gehen mit Ihnen.",

    // Import
    importFindings: "Befunde eines anderen Scanners importieren", importFile: "Importieren", file: "Datei", format: "Format",
    formats: { generic: "CSV, wie in unserem Export", "prowler-csv": "Prowler (CSV)", ocsf: "OCSF (JSON, etwa von Prowler)", sarif: "SARIF 2.1.0", trivy: "Trivy (JSON)" },
    importMore: "Noch eine Datei hinzufügen", importArrived: "Sie ist angekommen …", chooseFile: "Wählen Sie eine Datei.",
    imported: (added, known, skipped, bad) => `Befunde neu: ${added}, schon da: ${known}; Einträge, die keine Befunde sind: ${skipped}, die nicht zu lesen waren: ${bad}`,
    badRecords: (n, shown, all) => String(n) === all ? `Was nicht zu lesen war (${shown})` : `Was nicht zu lesen war (die ersten ${shown} von ${all})`,

    // Ausgehende Webhooks
    webhooks: "Webhooks", webhooksLead: "Ihre eigenen Server erfahren in signierten Nachrichten, was hier geschieht.", addEndpoint: "Server hinzufügen", endpointUrl: "Adresse (https://…)",
    events: "Wovon", eventsHint: "* für alles, eine Gruppe wie member.* oder Arten; mehrere mit Kommas dazwischen.", secret: "Geheimnis der Signatur",
    secretOnce: "Kopieren Sie es jetzt: Es wird nur dieses eine Mal gezeigt.", enabled: "An", disabled: "Aus", disabledBecause: { failing: "Aus: zu lange gescheitert", gone: "Aus: nach eigener Auskunft nicht mehr da" },
    enable: "Einschalten", disable: "Ausschalten", newSecret: "Neues Geheimnis", deleteEndpoint: "Löschen", deleteEndpointLead: url => `${url} erfährt dann nichts mehr; was wartet, wird nicht gesendet.`,
    deliveries: "Zustellungen", noDeliveries: "Es wurde noch nichts gesendet.", sendTest: "Test senden", event: "Ereignis", answer: "Antwort", replay: "Noch einmal senden",
    deliveryStates: { queued: "Wartet", succeeded: "Zugestellt", failed: "Gescheitert" }, milliseconds: n => `${n} ms`, nextAttempt: when => `Nächster Versuch: ${when}`,
};
