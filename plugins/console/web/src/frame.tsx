// What stands around every page: the organization and its switcher, the way to the other pages, who is logged in.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { callFor, type Membership, type Profile } from "./api";
import { links, logo, product } from "./page";
import { navigate } from "./router";
import { ended, logOut } from "./session";
import { choose, type Language, language, languageNames, t } from "./text";
import { Badge, Link, LogInElsewhere, Page, Plans, useAction } from "./ui";

function SkipLink() {
    return <a class="skip" href="#main" onClick={event => {
        event.preventDefault();
        document.querySelector<HTMLElement>("#main")?.focus();
    }}>{t.skip}</a>;
}

function Foot({ root = "/" }: { root?: string }) {
    return <footer>
        <ul class="links"><li><Link to={root + "api"}>{t.apiReference}</Link></li>{links.map(({ kind, url, text }) => <li key={kind + url}>
            <a href={url} rel="noreferrer">{text ?? (kind !== "other" && t.ownLinks[kind])}</a></li>)}</ul>
        <label>{t.language} <select onChange={event => choose(event.currentTarget.value as Language)}>
        {Object.entries(languageNames).map(([short, name]) => <option key={short} value={short} lang={short} selected={short === language}>{name}</option>)}
    </select></label></footer>;
}

function Name() {
    return logo ? <img src={logo} alt={product} /> : <>{product}</>;
}

/** For who is not in yet. */
export function Unframed({ children, wide }: { children: ComponentChildren; wide?: boolean }) {
    return <>
        <SkipLink />
        <header class="top"><Link to="/" class="brand"><Name /></Link></header>
        <main id="main" class={wide ? "" : "narrow"} tabIndex={-1}>{children}</main>
        <Foot />
    </>;
}

/** Pages of an organization, for whom they are, in the order of the menu. */
const pages: { path: string; text: () => string; least: "VIEWER" | "ADMIN" }[] = [
    { path: "", text: () => t.overview, least: "VIEWER" },
    { path: "audits", text: () => t.audits, least: "VIEWER" },
    { path: "team", text: () => t.team, least: "VIEWER" },
    { path: "billing", text: () => t.billing, least: "VIEWER" },
    { path: "activity", text: () => t.activity, least: "ADMIN" },
    { path: "webhooks", text: () => t.webhooks, least: "ADMIN" },
    { path: "settings", text: () => t.settings, least: "ADMIN" },
];

/* No slug has a plus. */
const NEW = "+";

function Switcher({ profile, now }: { profile: Profile; now: Membership | undefined }) {
    return <label class="switcher"><span class="unseen">{t.organization}</span>
        <select onChange={event => navigate(event.currentTarget.value === NEW ? "/organizations/new" : `/o/${event.currentTarget.value}/`)}>
            {!now && <option selected value="">{t.chooseOrganization}</option>}
            {profile.memberships.map(({ organization }) => <option key={organization.id} value={organization.slug}
                selected={organization.id === now?.organization.id}>{organization.name}</option>)}
            <option value={NEW}>{t.newOrganization} …</option>
        </select>
    </label>;
}

function Menu({ membership, path }: { membership: Membership; path: string }) {
    const root = `/o/${membership.organization.slug}/`;
    const rest = path.startsWith(root) ? path.slice(root.length) : undefined;
    return <nav aria-label={t.pages}><ul>
        {pages.filter(page => page.least !== "ADMIN" || membership.role === "ADMIN").map(page => {
            const here = rest === page.path || (page.path !== "" && rest?.startsWith(page.path + "/"));
            return <li key={page.path}><Link to={root + page.path} aria-current={here ? "page" : undefined}>{page.text()}</Link></li>;
        })}
    </ul></nav>;
}

/** The membership that an address belongs to, by slug or id. */
export function membershipOf(profile: Profile, path: string): Membership | undefined {
    const named = /^\/o\/([^/]+)/.exec(path)?.[1];
    return named ? profile.memberships.find(({ organization }) => organization.slug === named || organization.id === named) : undefined;
}

export function Shell({ profile, path, children }: { profile: Profile; path: string; children: ComponentChildren }) {
    const inside = path.startsWith("/o/");
    const membership = membershipOf(profile, path);
    const shown = membership ?? (inside ? undefined : profile.memberships.find(one => one.organization.id === profile.default_organization) ?? profile.memberships[0]);
    const leave = useAction(logOut);
    const before = useRef("");
    // Before the pages below ask for anything.
    const org = membership?.organization.id ?? "";
    if (before.current !== org) {
        callFor(org);
        before.current = org;
    }
    useLayoutEffect(() => callFor(org), [org]);
    useEffect(() => () => callFor(""), []);
    const root = shown ? `/o/${shown.organization.slug}/` : "/";
    const plans = { path: membership ? root + "billing" : "", buys: membership?.role === "ADMIN" && !membership.has_active_subscription,
                    asks: membership?.role !== "ADMIN" };
    return <Plans.Provider value={plans}>
        <SkipLink />
        <header class="top">
            <Link to={root} class="brand"><Name /></Link>
            {profile.memberships.length > 0 && <Switcher profile={profile} now={shown} />}
            {membership && <Badge kind="role">{t.roles[membership.role]}</Badge>}
            <Link to="/account" class="who">{profile.name || profile.email}</Link>
            <button type="button" class="quiet" onClick={() => leave.run()}>{t.logOut}</button>
        </header>
        {shown && <Menu membership={shown} path={path} />}
        <main id="main" tabIndex={-1}>
            {ended && <div class="notice bad" role="alert"><p>{t.sessionEnded}</p><p><LogInElsewhere /></p></div>}
            {inside && !membership ? <Page title={t.notFoundTitle}><p>{t.noSuchOrganization}</p><p><Link to="/" class="button">{t.toStart}</Link></p></Page>
                : !inside && path === "/" ? <Page title={t.noOrganization}><p>{t.noOrganizationLead}</p><p><Link to="/organizations/new" class="button">{t.newOrganization}</Link></p></Page> : children}
        </main>
        <Foot root={root} />
    </Plans.Provider>;
}
