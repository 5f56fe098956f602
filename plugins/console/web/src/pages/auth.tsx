// Everything that somebody does before they are in, and on the way in: signing up, logging in, a forgotten password, proving
// an address, accepting an invite.
import { useEffect, useState } from "preact/hooks";

import { api, asProblem, must, type InvitePreview, type Problem } from "../api";
import { goOn, navigate, takeToken, usePlace } from "../router";
import { logOut, profile, refresh, setProfile, useProfile } from "../session";
import { moment, t } from "../text";
import { Done, Field, Form, Link, Loading, Page, Refusal, useAction, type Values } from "../ui";

function next(query: URLSearchParams): string {
    const wanted = query.get("next");
    return wanted ? `?next=${encodeURIComponent(wanted)}` : "";
}

function Email({ initial }: { initial?: string }) {
    return <Field name="email" label={t.email} type="email" autocomplete="username" required autofocus {...initial ? { initial } : {}} />;
}

function NewPassword({ label, name }: { label?: string; name?: string }) {
    return <Field name={name ?? "password"} label={label ?? t.password} type="password" autocomplete="new-password" required hint={t.passwordHint} />;
}

async function logIn(values: Values): Promise<void> {
    setProfile(await must(api.POST("/auth/login/", { body: { email: values.email ?? "", password: values.password ?? "" } })));
}

async function signUp({ email = "", password = "", name, organization }: Values, invite = ""): Promise<void> {
    await must(api.POST("/auth/register/", {
        body: { email, password, ...(name ? { name } : {}), ...(organization ? { organization } : {}), ...(invite ? { invite } : {}) },
    }));
    await refresh();
}

export function LogIn() {
    const { query } = usePlace();
    return <Page title={t.logIn}>
        <Form submit={t.logIn} send={async values => {
            await logIn(values);
            goOn(query.get("next"));
        }}>
            <Email />
            <Field name="password" label={t.password} type="password" autocomplete="current-password" required />
        </Form>
        <p><Link to="/forgot">{t.forgot}</Link></p>
        <p>{t.newHere} <Link to={"/signup" + next(query)}>{t.signUp}</Link></p>
    </Page>;
}

export function SignUp() {
    const { query } = usePlace();
    return <Page title={t.signUp}>
        <Form submit={t.signUp} send={async values => {
            await signUp(values);
            goOn(query.get("next"));
        }}>
            <Email />
            <NewPassword />
            <Field name="name" label={t.yourName} autocomplete="name" />
            <Field name="organization" label={t.organizationName} autocomplete="organization" hint={t.organizationHint} />
        </Form>
        <p>{t.haveAccount} <Link to={"/login" + next(query)}>{t.logIn}</Link></p>
    </Page>;
}

export function Forgot() {
    const [sent, setSent] = useState("");
    return <Page title={t.forgotTitle} lead={t.forgotLead}>
        {sent ? <Done><p>{sent}</p></Done>
            : <Form submit={t.sendLink} send={async ({ email = "" }) => setSent((await must(api.POST("/auth/password/reset/", { body: { email } }))).detail)}>
                <Email />
            </Form>}
        <p><Link to="/login">{t.logIn}</Link></p>
    </Page>;
}

export function Reset() {
    const [token] = useState(takeToken);
    const [done, setDone] = useState(false);
    return <Page title={t.resetTitle}>
        {done ? <Done><p>{t.resetDone}</p><p><Link to="/login" class="button">{t.logIn}</Link></p></Done> : <>
            <Form submit={t.setPassword} send={async ({ password = "" }) => {
                await must(api.POST("/auth/password/reset/confirm/", { body: { token, password } }));
                setDone(true);
            }}>
                <NewPassword label={t.newPassword} />
            </Form>
            <p><Link to="/forgot">{t.anotherLink}</Link></p>
        </>}
    </Page>;
}

/** The link of a mail. It is used by a button: programs that look at mail follow links. */
export function Verify() {
    const [token] = useState(takeToken);
    const [verified, setVerified] = useState("");
    return <Page title={t.verifyTitle}>
        {verified ? <Done><p>{t.verifyDone(verified)}</p><p><Link to="/" class="button">{t.goOn}</Link></p></Done> : <>
            <p>{t.verifyLead}</p>
            <Form submit={t.verify} send={async () => {
                setVerified((await must(api.POST("/auth/verify/confirm/", { body: { token } }))).email);
                if (profile) {
                    await refresh();
                }
            }} />
        </>}
    </Page>;
}

export function LoggedOut() {
    return <Page title={t.loggedOut} lead={t.loggedOutLead}><p><Link to="/login" class="button">{t.logIn}</Link></p></Page>;
}

/* ---------------------------------------------------------------- invite -- */

function Offer({ invite }: { invite: InvitePreview }) {
    return <dl class="facts">
        <dt>{t.organization}</dt><dd>{invite.organization.name}</dd>
        <dt>{t.role}</dt><dd>{t.roles[invite.role]}: {t.roleMeans[invite.role]}</dd>
        <dt>{t.invitedBy}</dt><dd>{[invite.inviter.name, invite.inviter.email].filter(Boolean).join(", ")}</dd>
        <dt>{t.invitedAs}</dt><dd>{invite.email}</dd>
        <dt>{t.validUntil}</dt><dd>{moment(invite.expires_at)}</dd>
    </dl>;
}

async function accept(token: string): Promise<void> {
    const { organization } = await must(api.POST("/invites/accept/", { body: { token } }));
    await refresh();
    navigate(`/o/${organization.slug}/`, { replace: true });
}

/* Somebody is logged in: one button. Another address than the invite's is refused by the API, and then it is told how to
 * become the other. */
function AcceptAs({ token, email }: { token: string; email: string }) {
    const { busy, problem, run } = useAction(() => accept(token));
    const leave = useAction(logOut);
    return <>
        <p>{t.loggedInAs(email)}</p>
        {problem && <Refusal problem={problem}>{problem.code === "invite_email_mismatch"
            && <p><button type="button" onClick={() => leave.run()}>{t.logOut}</button> {t.mismatchHint}</p>}</Refusal>}
        <button type="button" class="primary" aria-disabled={busy} data-busy={busy} onClick={() => !busy && run()}>{t.accept}</button>
    </>;
}

function AcceptNew({ token }: { token: string }) {
    const [known, setKnown] = useState(false);
    return <>
        <div class="tabs" role="group" aria-label={t.haveAccount}>
            <button type="button" aria-pressed={!known} onClick={() => setKnown(false)}>{t.iAmNew}</button>
            <button type="button" aria-pressed={known} onClick={() => setKnown(true)}>{t.iHaveAccount}</button>
        </div>
        {known ? <Form key="known" submit={t.logInAccept} send={async values => {
            await logIn(values);
            await accept(token);
        }}>
            <Email />
            <Field name="password" label={t.password} type="password" autocomplete="current-password" required />
        </Form> : <Form key="new" submit={t.signUpAccept} send={async values => {
            await signUp(values, token);
            navigate("/", { replace: true });
        }}>
            <Email />
            <NewPassword />
            <Field name="name" label={t.yourName} autocomplete="name" />
        </Form>}
    </>;
}

export function Invite() {
    const [token] = useState(takeToken);
    const who = useProfile();
    const [invite, setInvite] = useState<InvitePreview>();
    const [problem, setProblem] = useState<Problem>();
    useEffect(() => {
        must(api.GET("/invites/{token}/", { params: { path: { token: token || "none" } } }))
            .then(setInvite, failure => setProblem(asProblem(failure)));
    }, [token]);
    if (problem) {
        return <Page title={t.noInvite}><Refusal problem={problem}><p>{t.askForAnother}</p></Refusal></Page>;
    }
    if (!invite) {
        return <Loading />;
    }
    return <Page title={t.inviteTitle(invite.organization.name)}>
        <Offer invite={invite} />
        {who ? <AcceptAs token={token} email={who.email} /> : <AcceptNew token={token} />}
    </Page>;
}
