// Audits that start by themselves: which there are, when each starts next and what became of it last, a new one, a change.
import { useEffect, useState } from "preact/hooks";

import { api, type AuditSchedule, must, Problem } from "../api";
import { mayWrite, membership, orgPath } from "../organization";
import { language, moment, t } from "../text";
import { Badge, Choice, Dialog, Field, Form, Link, More, Page, Refusal, Show, TextArea, useAction, useLoad, usePages, type Values } from "../ui";

/* What people mean mostly, and what it is as an expression; minute and hour are put in. */
const PRESETS = ["daily", "weekdays", "weekly", "monthly", "hourly", "own"] as const;
type Preset = typeof PRESETS[number];

/* Sunday is 0. */
const WEEKDAYS = [1, 2, 3, 4, 5, 6, 0];

function weekday(day: number): string {
    // A week that begins with a Sunday.
    return new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" }).format(new Date(Date.UTC(2023, 0, 1 + day)));
}

interface Plan {
    preset: Preset;
    time: string;      // 06:30
    weekday: number;
    day: number;
    cron: string;
}

function cronOf({ preset, time, weekday, day, cron }: Plan): string {
    const [hour = 0, minute = 0] = time.split(":").map(Number), at = `${minute} ${hour}`;
    return { daily: `${at} * * *`, weekdays: `${at} * * 1-5`, weekly: `${at} * * ${weekday}`, monthly: `${at} ${day} * *`, hourly: `${minute} * * * *`, own: cron }[preset];
}

/* The preset that an expression is, where it is one. */
function planOf(cron: string): Plan {
    const [minute = "", hour = "", day = "", month = "", weekday = ""] = cron.trim().split(/\s+/);
    const number = (text: string, most: number) => /^\d{1,2}$/.test(text) && Number(text) <= most;
    const plan: Plan = { preset: "own", time: "06:30", weekday: 1, day: 1, cron };
    if (!number(minute, 59) || month !== "*" || (hour !== "*" && !number(hour, 23))) {
        return plan;
    }
    plan.time = `${(hour === "*" ? "0" : hour).padStart(2, "0")}:${minute.padStart(2, "0")}`;
    plan.preset = hour === "*" ? (day === "*" && weekday === "*" ? "hourly" : "own")
        : day === "*" ? (weekday === "*" ? "daily" : weekday === "1-5" ? "weekdays" : number(weekday, 6) ? "weekly" : "own")
            : number(day, 28) && day !== "0" && weekday === "*" ? "monthly" : "own";
    plan.weekday = plan.preset === "weekly" ? Number(weekday) : 1;
    plan.day = plan.preset === "monthly" ? Number(day) : 1;
    return plan;
}

/** An expression in words, as far as it is one of ours. */
function inWords(cron: string): string {
    const plan = planOf(cron), [, minute = ""] = plan.time.split(":");
    return { daily: t.everyDay(plan.time), weekdays: t.everyWeekday(plan.time), weekly: t.everyWeek(weekday(plan.weekday), plan.time),
             monthly: t.everyMonth(plan.day, plan.time), hourly: t.everyHour(minute), own: cron }[plan.preset];
}

function own(): string {
    return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

function zones(now: string): string[] {
    const known = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
    return [...new Set(["UTC", own(), now, ...known])].filter(Boolean);
}

/* The fields of a schedule; a new one without `schedule`. */
function Fields({ schedule }: { schedule?: AuditSchedule }) {
    const before = planOf(schedule?.cron ?? "30 6 * * 1-5");
    const [preset, setPreset] = useState<Preset>(before.preset);
    return <>
        <TextArea name="targets" label={t.targets} rows={2} hint={t.targetsHint} initial={schedule?.targets.join(" ") ?? ""} />
        <Field name="name" label={t.auditName} initial={schedule?.name ?? ""} />
        <Choice name="preset" label={t.howOften} initial={before.preset} options={PRESETS.map(one => [one, t.presets[one]])} onChange={value => setPreset(value as Preset)} />
        {preset === "weekly" && <Choice name="weekday" label={t.onDay} initial={String(before.weekday)} options={WEEKDAYS.map(day => [String(day), weekday(day)])} />}
        {preset === "monthly" && <Field name="day" label={t.onDayOfMonth} type="number" min="1" max="28" initial={String(before.day)} />}
        {preset !== "own" && preset !== "hourly" && <Field name="time" label={t.atTime} type="time" initial={before.time} />}
        {preset === "hourly" && <Field name="minute" label={t.atMinute} type="number" min="0" max="59" initial={String(Number(before.time.split(":")[1]))} />}
        {preset === "own" && <Field name="cron" label={t.cron} hint={t.cronHint} initial={before.cron} spellcheck={false} />}
        <Choice name="time_zone" label={t.timeZone} initial={schedule?.time_zone ?? own()} options={zones(schedule?.time_zone ?? "").map(zone => [zone, zone])} />
    </>;
}

/* What has to be a whole number between two others; a field that is not there is not asked for. */
function within(values: Values, name: string, least: number, most: number): number {
    const text = values[name] ?? String(least);
    if (!/^\d{1,2}$/.test(text) || Number(text) < least || Number(text) > most) {
        throw new Problem(400, "", "", { [name]: [t.numberWithin(least, most)] });
    }
    return Number(text);
}

function bodyOf(values: Values) {
    const { targets = "", name = "", cron = "", time_zone = "UTC" } = values, preset = values.preset as Preset;
    if (values.time === "") {
        throw new Problem(400, "", "", { time: [t.chooseTime] });
    }
    const time = values.time ?? `0:${within(values, "minute", 0, 59)}`;
    return {
        targets: targets.split(/[\s,]+/).filter(Boolean), name, time_zone,
        cron: cronOf({ preset, time, weekday: within(values, "weekday", 0, 6), day: within(values, "day", 1, 28), cron }),
    };
}

function Schedule({ listed, changed }: { listed: AuditSchedule; changed: () => void }) {
    // What a change has answered is shown at once, and until the list is there again.
    const [schedule, show] = useState(listed);
    useEffect(() => show(listed), [listed]);
    const path = { audit_schedule: schedule.id }, name = schedule.name || schedule.targets.join(" ");
    const [asked, ask] = useState<"" | "change" | "remove">("");
    const close = () => ask("");
    const pause = useAction(async () => {
        show(await must(api.PATCH("/audits/schedules/{audit_schedule}/", { params: { path }, body: { enabled: !schedule.enabled } })));
        changed();
    });
    const remove = useAction(async () => {
        await must(api.DELETE("/audits/schedules/{audit_schedule}/", { params: { path } }));
        close();
        changed();
    });
    return <section class="card">
        <h2>{name}</h2>
        <p class="row"><Badge kind={schedule.enabled ? "active" : "canceled"}>{schedule.enabled ? t.scheduleOn : t.schedulePaused}</Badge>
            <span>{inWords(schedule.cron)} <span class="muted">({schedule.time_zone})</span></span></p>
        <dl class="facts">
            {schedule.name && <><dt>{t.targets}</dt><dd>{schedule.targets.join(" ")}</dd></>}
            <dt>{t.nextRun}</dt><dd>{schedule.next_run_at ? moment(schedule.next_run_at) : t.never}</dd>
            <dt>{t.lastRun}</dt><dd>{schedule.last_due_at ? moment(schedule.last_due_at) : t.never}
                {schedule.last_audit && <> · <Link to={orgPath(`audits/${schedule.last_audit}`)}>{t.lastOfIt}</Link> · <Link to={orgPath(`audits?schedule=${schedule.id}`)}>{t.allOfIt}</Link></>}</dd>
        </dl>
        {schedule.last_error && <div class="notice bad"><p>{t.notStarted(schedule.last_error)}</p></div>}
        {mayWrite() && <p class="row">
            <button type="button" aria-label={`${t.changeIt}: ${name}`} onClick={() => ask("change")}>{t.changeIt}</button>
            <button type="button" aria-label={`${schedule.enabled ? t.pause : t.goOn}: ${name}`} aria-disabled={pause.busy} data-busy={pause.busy}
                onClick={() => !pause.busy && pause.run()}>{schedule.enabled ? t.pause : t.goOn}</button>
            <button type="button" class="quiet" aria-label={`${t.deleteIt}: ${name}`} onClick={() => ask("remove")}>{t.deleteIt}</button></p>}
        {pause.problem && <Refusal problem={pause.problem} />}
        {asked === "change" && <Dialog title={t.changeIt} close={close}>
            <Form submit={t.save} send={async values => {
                show(await must(api.PATCH("/audits/schedules/{audit_schedule}/", { params: { path }, body: bodyOf(values) })));
                close();
                changed();
            }}><Fields schedule={schedule} /></Form></Dialog>}
        {asked === "remove" && <Dialog title={t.deleteIt} close={close}>
            <p>{t.deleteScheduleLead(name)}</p>
            {remove.problem && <Refusal problem={remove.problem} />}
            <button type="button" class="danger" aria-disabled={remove.busy} data-busy={remove.busy} onClick={() => !remove.busy && remove.run()}>{t.deleteIt}</button>
        </Dialog>}
    </section>;
}

/* A mail to who looks at it, for this organization alone. */
function Alerts() {
    const { organization } = membership();
    const alerts = useLoad(signal => must(api.GET("/audits/alerts/", { signal })), [organization.id]);
    const { busy, problem, run } = useAction(async (new_critical: boolean) => alerts.set(await must(api.PATCH("/audits/alerts/", { body: { new_critical } }))));
    return <section><h2>{t.alerts}</h2>
        <Show of={alerts}>{now => <label class="tick"><input type="checkbox" name="new_critical" checked={now.new_critical} aria-disabled={busy}
            onChange={event => {
                const wanted = event.currentTarget.checked;
                // It shows what is so, not what is wanted.
                event.currentTarget.checked = now.new_critical;
                if (!busy) {
                    run(wanted);
                }
            }} /> {t.alertNewCritical}</label>}</Show>
        {problem && <Refusal problem={problem} />}
    </section>;
}

export function Schedules() {
    const { organization } = membership(), [made, setMade] = useState(0);
    const schedules = usePages((page, signal) => must(api.GET("/audits/schedules/", { params: { query: { page } }, signal })), [organization.id]);
    return <Page title={t.schedules} lead={t.schedulesLead}>
        {mayWrite() && <details class="card"><summary>{t.newSchedule}</summary>
            <Form key={made} submit={t.createSchedule} send={async values => {
                await must(api.POST("/audits/schedules/", { body: bodyOf(values) }));
                // Another form, with nothing typed.
                setMade(made + 1);
                schedules.reload();
            }}><Fields /></Form></details>}
        <Show of={schedules}>{rows => rows.length ? <div class="stack">{rows.map(schedule => <Schedule key={schedule.id} listed={schedule} changed={schedules.reload} />)}</div>
            : <p class="muted">{t.noSchedules}</p>}</Show>
        <More left={schedules.left} busy={schedules.busy} more={schedules.more} />
        <Alerts />
    </Page>;
}
