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
    logInElsewhere: "Ihre Sitzung ist beendet. Melden Sie sich in einem anderen Fenster an und versuchen Sie es dann hier noch einmal.",
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
};
