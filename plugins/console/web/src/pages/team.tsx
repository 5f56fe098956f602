// Who is in an organization, in which role, and who is invited.
import { useState } from "preact/hooks";

import { api, type Invite, type Member, must, type Role } from "../api";
import { isAdmin, membership } from "../organization";
import { profile, refresh, refreshAndGo } from "../session";
import { date, t } from "../text";
import { Badge, Choice, Copy, Dialog, Field, Form, More, Page, Refusal, Show, useAction, usePages } from "../ui";

const ROLES: Role[] = ["ADMIN", "MEMBER", "VIEWER"];

function roleOptions(): [string, string][] {
    return ROLES.map(role => [role, t.roles[role]]);
}

function MemberRow({ member, changed }: { member: Member; changed: () => void }) {
    const org = membership().organization.id, self = member.user.id === profile!.id, name = member.user.name || member.user.email;
    const [asked, ask] = useState(false);
    const path = { org, user: member.user.id };
    const change = useAction(async (role: Role) => {
        try {
            await must(api.PATCH("/organizations/{org}/members/{user}/", { params: { path }, body: { role } }));
        }
        finally {
            changed();
        }
        if (self) {
            await refresh();
        }
    });
    const remove = useAction(async () => {
        await must(api.DELETE("/organizations/{org}/members/{user}/", { params: { path } }));
        if (self) {
            await refreshAndGo("/");
        }
        else {
            changed();
        }
    });
    return <tr>
        <th scope="row" class="name">{name}{self && ` (${t.you})`}<br /><span class="muted">{member.user.email}</span></th>
        <td>{isAdmin() ? <select aria-label={t.roleOf(name)} value={member.role} onChange={event => change.run(event.currentTarget.value as Role)}>
            {ROLES.map(role => <option key={role} value={role} selected={role === member.role}>{t.roles[role]}</option>)}
        </select> : t.roles[member.role]}{change.problem && <Refusal problem={change.problem} />}</td>
        <td>{date(member.created_at)}</td>
        <td>{(isAdmin() || self) && <button type="button" class="quiet" aria-label={`${self ? t.leave : t.remove}: ${name}`} onClick={() => ask(true)}>{self ? t.leave : t.remove}</button>}
            {asked && <Dialog title={self ? t.leave : t.remove} close={() => ask(false)}>
                <p>{self ? t.leaveLead(membership().organization.name) : t.removeLead(name)}</p>
                {remove.problem && <Refusal problem={remove.problem} />}
                <button type="button" class="danger" aria-disabled={remove.busy} onClick={() => !remove.busy && remove.run()}>{self ? t.leave : t.remove}</button>
            </Dialog>}</td>
    </tr>;
}

function InviteRow({ invite, changed, shown }: { invite: Invite; changed: () => void; shown: (url: string) => void }) {
    const path = { org: membership().organization.id, invite: invite.id };
    const resend = useAction(async () => {
        shown((await must(api.POST("/organizations/{org}/invites/{invite}/resend/", { params: { path } }))).invite_url);
        changed();
    });
    const revoke = useAction(async () => {
        await must(api.DELETE("/organizations/{org}/invites/{invite}/", { params: { path } }));
        changed();
    });
    const problem = resend.problem ?? revoke.problem;
    return <tr>
        <th scope="row" class="name">{invite.email}</th><td>{t.roles[invite.role]}</td>
        <td><Badge kind={invite.state}>{t.inviteStates[invite.state]}</Badge></td><td>{date(invite.expires_at)}</td>
        <td class="row">{(invite.state === "pending" || invite.state === "expired") && <>
            <button type="button" class="quiet" aria-label={`${t.resend}: ${invite.email}`} onClick={() => resend.run()}>{t.resend}</button>
            {invite.state === "pending" && <button type="button" class="quiet" aria-label={`${t.revoke}: ${invite.email}`} onClick={() => revoke.run()}>{t.revoke}</button>}</>}
            {problem && <Refusal problem={problem} />}</td>
    </tr>;
}

function Invites() {
    const org = membership().organization.id;
    const [url, setUrl] = useState("");
    const invites = usePages((page, signal) => must(api.GET("/organizations/{org}/invites/", { params: { path: { org }, query: { page } }, signal })), [org]);
    return <section>
        <h2>{t.invites}</h2>
        <Form class="card" submit={t.invite} send={async ({ email = "", role = "" }, form) => {
            setUrl((await must(api.POST("/organizations/{org}/invites/", { params: { path: { org } }, body: { email, role: role as Role } }))).invite_url);
            form.reset();
            invites.reload();
        }}>
            <Field name="email" label={t.email} type="email" />
            <Choice name="role" label={t.role} options={roleOptions()} initial="MEMBER" />
        </Form>
        {url && <div class="notice good" role="status"><Copy label={t.inviteLink} text={url} /><p>{t.inviteLinkLead}</p></div>}
        <Show of={invites}>{rows => rows.length ? <div class="scroll" role="region" aria-label={t.invites} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.email}</th><th scope="col">{t.role}</th><th scope="col">{t.status}</th><th scope="col">{t.validUntil}</th><td /></tr></thead>
            <tbody>{rows.map(invite => <InviteRow key={invite.id} invite={invite} changed={invites.reload} shown={setUrl} />)}</tbody>
        </table></div> : <p class="muted">{t.noInvites}</p>}</Show>
        <More left={invites.left} busy={invites.busy} more={invites.more} />
    </section>;
}

export function Team() {
    const org = membership().organization.id;
    const members = usePages((page, signal) => must(api.GET("/organizations/{org}/members/", { params: { path: { org }, query: { page } }, signal })), [org]);
    return <Page title={t.team}>
        <Show of={members}>{rows => <div class="scroll" role="region" aria-label={t.members} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.name}</th><th scope="col">{t.role}</th><th scope="col">{t.since}</th><td /></tr></thead>
            <tbody>{rows.map(member => <MemberRow key={member.user.id} member={member} changed={members.reload} />)}</tbody>
        </table></div>}</Show>
        <More left={members.left} busy={members.busy} more={members.more} />
        {isAdmin() && <Invites />}
    </Page>;
}
