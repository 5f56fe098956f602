// The trail: what has happened in an organization, who did it, what it was before and after.
import { api, type Activity, must } from "../api";
import { membership } from "../organization";
import { setQuery, usePlace } from "../router";
import { moment, t } from "../text";
import { More, Page, Show, usePages } from "../ui";

function Change({ entry }: { entry: Activity }) {
    const words = (value: unknown) => value && typeof value === "object" ? Object.entries(value).map(([name, text]) => `${name}: ${typeof text === "string" ? text : JSON.stringify(text)}`).join(", ") : "";
    const before = words(entry.old), after = words(entry.new);
    return <>{before && after ? `${before} → ${after}` : before || after}</>;
}

function who({ actor }: Activity): string {
    return actor.email ?? { user: t.somebody, token: t.aToken, system: t.theSystem, stripe: "Stripe" }[actor.type];
}

export function Trail() {
    const { organization } = membership(), { query } = usePlace();
    const action = query.get("action") ?? "", actor = query.get("actor") ?? "", since = query.get("since") ?? "", until = query.get("until") ?? "";
    const trail = usePages((page, signal) => must(api.GET("/organizations/{org}/activity/", {
        params: { path: { org: organization.id }, query: {
            page, ...(action ? { action } : {}), ...(actor ? { actor } : {}),
            ...(since ? { since: new Date(since).toISOString() } : {}), ...(until ? { until: new Date(until).toISOString() } : {}),
        } }, signal,
    })), [organization.id, action, actor, since, until]);
    return <Page title={t.activity} lead={t.activityLead}>
        <form class="filters" role="search" onSubmit={event => {
            event.preventDefault();
            setQuery(new URLSearchParams([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()] as [string, string]).filter(([, value]) => value)));
        }}>
            <label>{t.action} <input name="action" defaultValue={action} placeholder="member.removed" /></label>
            <label>{t.byWhom} <input name="actor" defaultValue={actor} type="email" /></label>
            <label>{t.from} <input name="since" type="date" defaultValue={since} /></label>
            <label>{t.before} <input name="until" type="date" defaultValue={until} /></label>
            <button>{t.search}</button>
        </form>
        <Show of={trail}>{rows => rows.length ? <div class="scroll" role="region" aria-label={t.activity} tabIndex={0}><table>
            <thead><tr><th scope="col">{t.time}</th><th scope="col">{t.byWhom}</th><th scope="col">{t.action}</th><th scope="col">{t.what}</th><th scope="col">{t.change}</th></tr></thead>
            <tbody>{rows.map(entry => <tr key={entry.id}>
                <td>{moment(entry.created_at)}</td><td class="name">{who(entry)}</td><td>{entry.action}</td>
                <td class="name">{entry.target?.label ?? ""}</td><td class="long"><Change entry={entry} /></td>
            </tr>)}</tbody>
        </table></div> : <p class="muted">{t.noActivity}</p>}</Show>
        <More left={trail.left} busy={trail.busy} more={trail.more} />
    </Page>;
}
