// What is somebody's own: name, address, password, where they are logged in, tokens for programs, their end.
import { useState } from "preact/hooks";

import { api, must, type NewToken, type Role, type Session, type Token } from "../api";
import { href } from "../router";
import { setProfile, useProfile } from "../session";
import { moment, t } from "../text";
import { Choice, Copy, Dialog, Done, Field, Form, More, Page, Refusal, Show, useAction, usePages } from "../ui";

function Saved({ shown, text }: { shown: boolean; text?: string }) {
    return shown ? <Done><p>{text ?? t.saved}</p></Done> : null;
}

function ProfileForm() {
    const me = useProfile()!;
    const [saved, setSaved] = useState(false);
    return <section><h2>{t.profile}</h2>
        <Form submit={t.save} send={async ({ name = "", organization }) => {
            setSaved(false);
            setProfile(await must(api.PATCH("/auth/me/", { body: { name, ...(organization ? { default_organization: organization } : {}) } })));
            setSaved(true);
        }}>
            <Field name="name" label={t.yourName} initial={me.name} autocomplete="name" />
            {me.memberships.length > 1 && <Choice name="organization" label={t.defaultOrganization} initial={me.default_organization ?? undefined}
                options={me.memberships.map(({ organization }) => [organization.id, organization.name])} />}
        </Form><Saved shown={saved} /></section>;
}

function Address() {
    const me = useProfile()!;
    const [saved, setSaved] = useState(false), [sent, setSent] = useState("");
    const resend = useAction(async () => setSent((await must(api.POST("/auth/verify/resend/"))).detail));
    return <section><h2>{t.email}</h2>
        <p>{me.email} · {me.email_verified ? t.verified : t.notVerified}
            {!me.email_verified && <> <button type="button" class="quiet" onClick={() => resend.run()}>{t.sendLink}</button></>}</p>
        {sent && <Done><p>{sent}</p></Done>}{resend.problem && <Refusal problem={resend.problem} />}
        <Form submit={t.changeEmail} send={async ({ email = "", password = "" }, form) => {
            setSaved(false);
            setProfile(await must(api.PATCH("/auth/me/", { body: { email, password } })));
            form.reset();
            setSaved(true);
        }}>
            <Field name="email" label={t.newEmail} type="email" autocomplete="email" />
            <Field name="password" label={t.password} type="password" autocomplete="current-password" />
        </Form><Saved shown={saved} /></section>;
}

function Password() {
    const me = useProfile()!;
    const [saved, setSaved] = useState(false);
    return <section><h2>{t.password}</h2>
        <Form submit={t.setPassword} send={async (values, form) => {
            setSaved(false);
            await must(api.POST("/auth/password/", { body: { old: values.old ?? "", new: values.new ?? "" } }));
            form.reset();
            setSaved(true);
        }}>
            {/* For whoever keeps passwords in their browser. */}
            <input type="text" name="username" autocomplete="username" value={me.email} hidden readOnly />
            <Field name="old" label={t.oldPassword} type="password" autocomplete="current-password" />
            <Field name="new" label={t.newPassword} type="password" autocomplete="new-password" hint={t.passwordHint} />
        </Form><Saved shown={saved} text={t.resetDone} /></section>;
}

function SessionRow({ session, changed }: { session: Session; changed: () => void }) {
    const { problem, run } = useAction(async () => {
        await must(api.DELETE("/auth/sessions/{session}/", { params: { path: { session: session.id } } }));
        changed();
    });
    return <tr><th scope="row" class="long">{session.user_agent ?? "–"}</th><td>{session.address}</td><td>{moment(session.created_at)}</td>
        <td>{session.current ? t.thisOne : <button type="button" class="quiet" aria-label={`${t.end}: ${session.address ?? ""} ${moment(session.created_at)}`} onClick={() => run()}>{t.end}</button>}
            {problem && <Refusal problem={problem} />}</td></tr>;
}

function Sessions() {
    const sessions = usePages((page, signal) => must(api.GET("/auth/sessions/", { params: { query: { page } }, signal })), []);
    return <section><h2>{t.sessions}</h2>
        <Show of={sessions}>{rows => <div class="scroll" role="region" aria-label={t.sessions} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.browser}</th><th scope="col">{t.address}</th><th scope="col">{t.since}</th><td /></tr></thead>
            <tbody>{rows.map(session => <SessionRow key={session.id} session={session} changed={sessions.reload} />)}</tbody></table></div>}</Show>
        <More left={sessions.left} busy={sessions.busy} more={sessions.more} /></section>;
}

function TokenRow({ token, changed }: { token: Token; changed: () => void }) {
    const { problem, run } = useAction(async () => {
        await must(api.DELETE("/auth/tokens/{token}/", { params: { path: { token: token.id } } }));
        changed();
    });
    return <tr><th scope="row" class="name">{token.name}<br /><span class="muted">{token.hint}…</span></th>
        <td>{token.organization?.name ?? t.allOrganizations}</td><td>{token.role ? t.roles[token.role] : t.myRole}</td>
        <td>{moment(token.last_used_at) || t.never}</td><td>{moment(token.expires_at) || t.never}</td>
        <td><button type="button" class="quiet" aria-label={`${t.revoke}: ${token.name}`} onClick={() => run()}>{t.revoke}</button>{problem && <Refusal problem={problem} />}</td></tr>;
}

function Tokens() {
    const me = useProfile()!;
    const [made, setMade] = useState<Pick<NewToken, "name" | "token">>();
    const tokens = usePages((page, signal) => must(api.GET("/auth/tokens/", { params: { query: { page } }, signal })), []);
    return <section><h2>{t.tokens}</h2><p>{t.tokensLead}</p>
        <Form class="card" submit={t.createToken} send={async ({ name = "", organization, role, expires }, form) => {
            setMade(await must(api.POST("/auth/tokens/", { body: {
                name, ...(organization ? { organization } : {}), ...(role ? { role: role as Role } : {}), ...(expires ? { expires_at: new Date(expires).toISOString() } : {}),
            } })));
            form.reset();
            tokens.reload();
        }}>
            <Field name="name" label={t.tokenName} autocomplete="off" />
            <Choice name="organization" label={t.organization} options={[["", t.allOrganizations], ...me.memberships.map(({ organization }) => [organization.id, organization.name] as [string, string])]} />
            <Choice name="role" label={t.role} options={[["", t.myRole], ["MEMBER", t.roles.MEMBER], ["VIEWER", t.roles.VIEWER]]} />
            <Field name="expires" label={t.expires} type="date" hint={t.expiresHint} />
        </Form>
        {made && <div class="notice good" role="status"><Copy label={made.name} text={made.token} /><p>{t.tokenOnce}</p></div>}
        <Show of={tokens}>{rows => rows.length ? <div class="scroll" role="region" aria-label={t.tokens} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.name}</th><th scope="col">{t.organization}</th><th scope="col">{t.role}</th><th scope="col">{t.lastUsed}</th><th scope="col">{t.expires}</th><td /></tr></thead>
            <tbody>{rows.map(token => <TokenRow key={token.id} token={token} changed={tokens.reload} />)}</tbody></table></div> : <p class="muted">{t.noTokens}</p>}</Show>
        <More left={tokens.left} busy={tokens.busy} more={tokens.more} /></section>;
}

function Remove() {
    const [asked, ask] = useState(false);
    return <section><h2>{t.deleteAccount}</h2><p>{t.deleteAccountLead}</p>
        <button type="button" class="danger" onClick={() => ask(true)}>{t.deleteAccount}</button>
        {asked && <Dialog title={t.deleteAccount} close={() => ask(false)}>
            <Form submit={t.deleteForGood} danger send={async ({ password = "" }) => {
                await must(api.DELETE("/auth/me/", { body: { password } }));
                location.replace(href("/logged-out"));
            }}><Field name="password" label={t.password} type="password" autocomplete="current-password" /></Form>
        </Dialog>}</section>;
}

export function Account() {
    return <Page title={t.account}>
        <div class="forms"><ProfileForm /><Address /><Password /></div>
        <Sessions /><Tokens /><Remove />
    </Page>;
}

