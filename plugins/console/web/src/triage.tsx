// What people decide about findings: a comment, and a mute with its reason and end. Of one finding or of all that a filter
// finds; that somebody may not is the API's to say, and to who only reads it is shown as text.
import { useState } from "preact/hooks";

import { api, type Decision, type Evidence, must, type Triage } from "./api";
import { membership } from "./organization";
import { profile } from "./session";
import { moment, number, t } from "./text";
import { Choice, Dialog, Done, Field, Form, Refusal, TextArea, useAction, useLoad, type Values } from "./ui";

/** The filter of a findings table, as the API has it. */
export interface Filter {
    status?: Evidence["status"];
    severity?: Evidence["severity"];
    check?: string;
    resource_id?: string;
    muted?: "true" | "false";
    search?: string;
}

/* A day of somebody's own time zone, with all its hours. */
function endOf(day: string): string | null {
    const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
    const end = new Date(year, month - 1, date, 23, 59, 59);
    return day && Number.isFinite(end.valueOf()) ? end.toISOString() : null;
}

function dayOf(time: Date): string {
    return [time.getFullYear(), time.getMonth() + 1, time.getDate()].map(part => String(part).padStart(2, "0")).join("-");
}

function muteOf({ reason = "", until = "" }: Values): Decision {
    return { muted: true, reason, until: endOf(until) };
}

function MuteFields() {
    return <>
        <TextArea name="reason" label={t.muteReason} rows={2} hint={t.muteReasonHint} />
        <Field name="until" label={t.muteUntil} type="date" min={dayOf(new Date())} hint={t.muteUntilHint} />
    </>;
}

/* Who it was, where they are still in the organization. */
function useName(user: string | null): string {
    const { organization } = membership(), mine = user === profile?.id;
    const found = useLoad(async signal => user && !mine
        ? (await must(api.GET("/organizations/{org}/members/", { params: { path: { org: organization.id }, query: { page_size: 200 } }, signal }))).results
            .find(member => member.user.id === user)?.user : undefined, [user]);
    return mine ? t.you : found.data?.name || found.data?.email || "";
}

/** What has been decided about a finding, for everybody. */
export function Decided({ triage }: { triage: Triage }) {
    const who = useName(triage.updated_by);
    if (!triage.updated_at) {
        return null;
    }
    return <dl class="facts">
        {triage.muted && <><dt>{t.muted}</dt><dd>{triage.until ? t.mutedUntil(moment(triage.until)) : t.mutedForGood}</dd><dt>{t.muteReason}</dt><dd>{triage.reason}</dd></>}
        {!triage.muted && triage.until && <><dt>{t.muted}</dt><dd>{t.muteEnded(moment(triage.until))}</dd></>}
        {triage.comment && <><dt>{t.ourComment}</dt><dd>{triage.comment}</dd></>}
        <dt>{t.decided}</dt><dd>{[moment(triage.updated_at), who].filter(Boolean).join(", ")}</dd>
    </dl>;
}

/** The same for who may decide: a comment, and a mute or its end. */
export function Decide({ audit, finding, changed }: { audit: string; finding: Evidence; changed: (finding: Evidence) => void }) {
    const { triage } = finding, [saved, setSaved] = useState("");
    const decide = async (body: Decision, done: string) => {
        setSaved("");
        changed(await must(api.PATCH("/audits/{audit}/evidence/{evidence}/", { params: { path: { audit, evidence: finding.id } }, body })));
        setSaved(done);
    };
    const unmute = useAction(() => decide({ muted: false }, t.unmutedNow));
    return <>
        <Form submit={t.saveComment} send={({ comment = "" }) => decide({ comment: comment || null }, t.saved)}>
            <TextArea name="comment" label={t.ourComment} rows={3} hint={t.ourCommentHint} initial={triage.comment ?? ""} />
        </Form>
        {triage.muted
            ? <p><button type="button" aria-disabled={unmute.busy} data-busy={unmute.busy} onClick={() => !unmute.busy && unmute.run()}>{t.unmute}</button></p>
            : <details class="card"><summary>{t.muteLead}</summary>
                <Form submit={t.mute} send={values => decide(muteOf(values), t.mutedNow)}><MuteFields /></Form></details>}
        {unmute.problem && <Refusal problem={unmute.problem} />}
        {saved && <Done><p>{saved}</p></Done>}
    </>;
}

/** All that a filter finds, at once. */
export function DecideAll({ audit, filter, changed, close }: { audit: string; filter: Filter; changed: (count: number) => void; close: () => void }) {
    const [what, setWhat] = useState("mute");
    // Its count without a cursor is the filter's own.
    const found = useLoad(async signal => (await must(api.GET("/audits/{audit}/evidence/", {
        params: { path: { audit }, query: { ...filter, page_size: 1 } }, signal,
    }))).count, [audit, JSON.stringify(filter)]);
    return <Dialog title={t.decideAll} close={close}>
        <p>{found.data === undefined ? t.decideAllLead : t.decideAllFound(found.data, number(found.data))}</p>
        {found.problem && <Refusal problem={found.problem} again={found.reload} />}
        <Form submit={t.decideAllNow} send={async values => {
            const body: Decision = what === "mute" ? muteOf(values) : what === "unmute" ? { muted: false } : { comment: values.comment || null };
            changed((await must(api.PATCH("/audits/{audit}/evidence/", { params: { path: { audit }, query: filter }, body }))).changed);
        }}>
            <Choice name="what" label={t.decideWhat} options={[["mute", t.mute], ["unmute", t.unmute], ["comment", t.ourComment]]} onChange={setWhat} />
            {what === "mute" && <MuteFields />}
            {what === "comment" && <TextArea name="comment" label={t.ourComment} rows={3} hint={t.commentAllHint} />}
        </Form>
    </Dialog>;
}
